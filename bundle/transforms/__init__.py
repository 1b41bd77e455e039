"""Transforms of the configs, one a file."""

import lazy_loader

# Imported when first used: meshes bring VTK with them, which training does not need.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "adaptive_threshold": ["AdaptiveThresholdd"],
        "batch_augment": ["BatchAugment"],
        "binary_opening": ["BinaryOpeningd"],
        "compare_enhancement": ["CompareEnhancementd"],
        "export_geometry": ["CaseGeometry", "ExportGeometryd", "case_geometry", "write_geometry"],
        "keep_components": ["KeepComponentsd"],
        "keep_trees": ["KeepTreesd"],
        "load_cta": ["LoadCTAd"],
        "load_phantom": ["LoadPhantomd", "pool_cases"],
        "resize": ["ResizeVolumed", "resize_volume"],
        "resize_to_spacing": ["ResizeToSpacingd"],
        "save_case": ["SaveCased"],
        "scale_in_place": ["ScaleIntensityRangedInPlace"],
        "split_outputs": ["SplitOutputsd"],
        "save_uncertainty": ["SaveUncertaintyd"],
    },
)
