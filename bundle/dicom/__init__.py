"""DICOM: CT series read into volumes and written from them; results as standard objects."""

import lazy_loader

# Imported when first used: MONAI Label's environment has an older pydicom, and no highdicom.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "images": ["ct_slices", "multi_frame", "save_images", "write_ct_series"],
        "reading": ["Choice", "Listing", "Series", "choose", "holds_dicom", "identity_of", "list_series",
                    "read_series"],
        "volume": ["SliceSource", "Volume"],
        "writing": ["write_dicom"],
    },
)  # fmt: skip
