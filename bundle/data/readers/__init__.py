"""Volumes from disk, or one sentence that says why they cannot be used."""

import lazy_loader

# Imported when first used: listing a folder or reading a mask needs neither PyTorch nor ITK.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "intensities": ["check_intensities"],
        "read": ["files_of", "is_eight_bit", "open_volume", "read_volume"],
    },
)
