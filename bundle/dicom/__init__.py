"""DICOM: results as standard objects; neither MONAI nor Ignite."""

import lazy_loader

# Imported when first used: MONAI Label's environment has an older pydicom, and no highdicom.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "volume": ["SliceSource", "Volume"],
        "writing": ["write_dicom"],
    },
)
