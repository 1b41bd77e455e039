"""From a drawn patient to a scan: attenuation on its grid, blur, noise, motion."""

from . import acquire, render

__all__ = ["acquire", "render"]
