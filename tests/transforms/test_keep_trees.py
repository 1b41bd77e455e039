"""What the transform makes of an item: which of its volumes it uses, and what it says of the mask."""

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from tree_scene import CONFIG, SPACINGS, Scene, rule

from bundle.common.case_warnings import warnings_of
from bundle.geometry.centerline import TreeRule, aorta_wall, keep_trees
from bundle.transforms import KeepTreesd, SplitOutputsd
from bundle.transforms.export_geometry import case_geometry


def volume(array, affine):
    return MetaTensor(torch.as_tensor(np.ascontiguousarray(array, np.float32))[None], affine=affine)


def item(scene, mask, **others):
    volumes = {"pred": mask, "prob": mask * 0.9, "aorta": scene.aorta, **others}
    data = {name: volume(array, scene.affine) for name, array in volumes.items() if array is not None}
    data["pred"] = data["pred"].to(torch.uint8)
    return data


def test_the_record_is_in_the_meta_and_the_warnings_say_what_was_done():
    scene = Scene(SPACINGS[0])
    cut = scene.left & ~scene.tube(17, 20, 40, 42, 4)
    mask = cut | scene.tube(8, 30, 30, 48, 0.8) | scene.tube(36, 20, 24, 60, 1.5)
    data = item(scene, mask, vein=scene.tube(36, 20, 24, 60, 1.5))
    kept = KeepTreesd("pred", rule(vein_margin=0.0))(data)["pred"]
    assert kept.dtype == torch.uint8 and kept.shape == data["pred"].shape
    assert not kept[0].numpy()[scene.tube(36, 20, 24, 60, 1.5)].any()
    assert (kept.meta["components"], kept.meta["components_before"]) == (2, 3)
    assert kept.meta["volume_mm3"] == pytest.approx(float(kept.sum()) * scene.voxel_mm3)
    lost, bridged, pieces = warnings_of(kept.meta)
    assert "dropping veins and loose parts took" in lost
    assert bridged.startswith("1 gap of up to 2.") and bridged.endswith(" mm bridged")
    assert pieces.startswith("1 detached piece, ") and pieces.endswith(" mm long in all, kept")
    parts = case_geometry(kept).parts
    assert (len(parts["trees"]), len(parts["joins"]), parts["has_root"]) == (1, 1, True)


def test_without_an_aorta_the_image_on_its_own_grid_serves():
    scene = Scene(SPACINGS[0])
    image = np.where(scene.left | scene.aorta, 0.6, 0.25)[::2]
    coarse = scene.affine @ np.diag([2.0, 1, 1, 1])
    data = item(scene, scene.left, aorta=None)
    kept = KeepTreesd("pred", rule())(data | {"image": volume(image, coarse)})["pred"]
    assert kept.meta["parts"]["has_root"] and warnings_of(kept.meta) == []
    kept = KeepTreesd("pred", rule())(data)["pred"]
    assert not kept.meta["parts"]["has_root"]
    assert warnings_of(kept.meta) == ["no part begins at the aorta: the longest one is taken for a tree"]


def test_what_lies_far_from_the_vessels_does_not_count():
    """The item's volumes are looked at near the mask only; its image may have any grid and extent."""
    scene = Scene(SPACINGS[0])
    piece = scene.tube(8, 30, 30, 48, 0.8)
    mask = scene.left | piece
    affine = scene.affine @ np.diag([-2.0, 1, 2, 1])  # turned and coarser, and the piece is dark in it
    affine[0, 3] = scene.affine[0, 0] * (mask.shape[0] - 1)
    image = np.where(scene.left, 0.6, 0.3)[::-2, :, ::2]
    wall = aorta_wall(scene.aorta, scene.affine)
    chance = np.where(mask, 0.9, 0.0).astype(np.float32)
    numbers = rule(detached_brightness=0.5, fat=0.267)
    data = item(scene, mask) | {"image": volume(image, affine)}
    kept = KeepTreesd("pred", numbers)(data)["pred"]
    whole, record = keep_trees(
        mask, scene.affine, chance, numbers, pool_mm=wall, image=(image.astype(np.float32), affine)
    )
    np.testing.assert_array_equal(kept[0].numpy() > 0, whole)
    assert not whole[piece].any() and whole[scene.left].all()
    assert kept.meta["parts"]["trees"] == record["trees"]


def test_an_empty_mask_stays_empty_without_a_warning():
    scene = Scene(SPACINGS[0])
    kept = KeepTreesd("pred", rule())(item(scene, np.zeros_like(scene.left)))["pred"]
    assert (kept.sum(), kept.meta["components"], warnings_of(kept.meta)) == (0, 0, [])


def test_two_channels_are_refused():
    scene = Scene(SPACINGS[0])
    data = item(scene, scene.left)
    with pytest.raises(ValueError, match="one channel is expected"):
        KeepTreesd("pred", rule())(data | {"pred": torch.cat([data["pred"]] * 2)})


def test_outputs_come_under_their_own_keys():
    affine = np.diag([0.5, 0.5, 0.6, 1.0])
    outputs = MetaTensor(torch.arange(3.0)[:, None, None, None].expand(3, 2, 3, 4), affine=affine)
    split = SplitOutputsd("pred", ["vein", "aorta"])
    data = split({"pred": outputs})
    assert [float(data[name].mean()) for name in ("pred", "vein", "aorta")] == [0, 1, 2]
    assert all(data[name].shape == (1, 2, 3, 4) for name in data)
    np.testing.assert_array_equal(data["aorta"].affine, affine)
    assert list(split({"pred": outputs[:1]})) == ["pred"]


def test_the_config_names_every_number():
    config = ConfigParser()
    config.read_config([str(CONFIG.parents[1] / "inference.yaml"), str(CONFIG)])
    made = config.get_parsed_content("keep_parts")
    assert isinstance(made, KeepTreesd) and isinstance(made.rule, TreeRule) and made.rule == rule()
