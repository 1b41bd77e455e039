"""nnU-Net v2's predictor with a network of chosen widths and random weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

__all__ = ["predictor"]

_BACKGROUND = 20.0  # in float16 sums of windows times their weights, 10 at most, must not overflow


def predictor(
    window: Sequence[int], spacing_mm: float, widths: Sequence[int], labels: int, device: torch.device
) -> Any:
    """An `nnUNetPredictor` for CT, as its planner would set it up, without mirroring.

    Its last layer says background everywhere: a mask of noise would take longer to write than a patient's.

    Args:
        window: voxels of a patch, every axis; the next one begins half a patch further.
        spacing_mm: of the voxels. widths: channels of each level, the deepest last.
        labels: beside the background.
    """
    # nnU-Net is no dependency of the project.
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    manager = PlansManager(plans(window, spacing_mm, widths))
    configuration = manager.get_configuration("3d_fullres")
    torch.manual_seed(0)
    network = get_network_from_plans(
        configuration.network_arch_class_name,
        configuration.network_arch_init_kwargs,
        configuration.network_arch_init_kwargs_req_import,
        1,
        1 + labels,
        deep_supervision=False,
    )
    with torch.no_grad():
        network.decoder.seg_layers[-1].bias[0] = _BACKGROUND
    own = nnUNetPredictor(
        tile_step_size=0.5,
        use_gaussian=True,
        use_mirroring=False,
        perform_everything_on_device=True,
        device=device,
        allow_tqdm=False,
    )
    about = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **{f"label {n}": n for n in range(1, 1 + labels)}},
        "file_ending": ".nii.gz",
    }
    own.manual_initialization(
        network, manager, configuration, [network.state_dict()], about, "nnUNetTrainer", None
    )
    return own


def plans(window: Sequence[int], spacing_mm: float, widths: Sequence[int]) -> dict[str, Any]:
    """What nnU-Net's planner writes, as its version 2.8 reads it."""
    stages = len(widths)
    network = {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": stages,
            "features_per_stage": list(widths),
            "conv_op": "torch.nn.modules.conv.Conv3d",
            "kernel_sizes": [[3, 3, 3]] * stages,
            "strides": [[1, 1, 1], *[[2, 2, 2]] * (stages - 1)],
            "n_conv_per_stage": [2] * stages,
            "n_conv_per_stage_decoder": [2] * (stages - 1),
            "conv_bias": True,
            "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
            "norm_op_kwargs": {"eps": 1e-5, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }
    resampling = {"is_seg": False, "order_z": 0, "force_separate_z": None}
    configuration = {
        "preprocessor_name": "DefaultPreprocessor",
        "patch_size": list(window),
        "spacing": [spacing_mm] * 3,
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": resampling | {"order": 3},
        "resampling_fn_seg": "resample_data_or_seg_to_shape",
        "resampling_fn_seg_kwargs": resampling | {"is_seg": True, "order": 1},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": resampling | {"order": 1},
        "architecture": network,
    }
    # Of lumen with contrast medium.
    hu = {"mean": 350.0, "std": 120.0, "percentile_00_5": 0.0, "percentile_99_5": 800.0}
    return {
        "dataset_name": "Dataset000_coronaries",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": hu},
        "configurations": {"3d_fullres": configuration},
    }
