"""Whether this machine can draw without a display."""

from __future__ import annotations

import functools
import subprocess
import sys
import threading

__all__ = ["probe_early", "why_no_pictures"]

_PROBE = """
import vtkmodules.vtkRenderingOpenGL2
from vtkmodules.vtkRenderingCore import vtkRenderWindow, vtkRenderer
window = vtkRenderWindow()
window.SetOffScreenRendering(1)
window.SetSize(16, 16)
window.AddRenderer(vtkRenderer())
window.Render()
"""


_lock = threading.Lock()


def why_no_pictures() -> str | None:
    """None where VTK can draw off screen; otherwise one sentence that says what to install.

    VTK without any OpenGL library does not raise, it kills the process; so a child process tries it, once.
    """
    with _lock:
        return _probe()


def probe_early() -> None:
    """Let the probe run beside the work that comes before the first picture."""
    threading.Thread(target=why_no_pictures, daemon=True).start()


@functools.lru_cache(maxsize=1)
def _probe() -> str | None:
    command = [sys.executable, "-c", _PROBE]
    try:
        child = subprocess.run(command, capture_output=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return "no pictures: drawing off screen hung for two minutes on this machine"
    if child.returncode == 0:
        return None
    return (
        "no pictures: VTK finds no OpenGL library on this machine; install libosmesa6, or libegl1 with "
        "libgl1-mesa-dri (Debian and Ubuntu names), and run again"
    )
