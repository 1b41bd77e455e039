"""Chromium shows what the handlers wrote, and the script keeps it as a picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from script_call import study
from studies.pictures.tensorboard import find_browser

from bundle.handlers.training.dashboard.overlays import BOTH, FALSE, MISSED
from bundle.handlers.training.dashboard.writer import RunWriter

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        find_browser() is None,
        reason="no Chromium on this machine (Debian: apt-get install chromium)",
    ),
]


def test_the_browser_draws_images_and_meshes(tmp_path):
    writer = RunWriter(tmp_path / "runs" / "drawn")
    writer.open(1)
    rgb = np.full((200, 200, 3), MISSED, np.uint8)
    writer.image("square", rgb, 1)
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    writer.mesh("square", square, np.array([[0, 1, 2], [0, 2, 3]]), np.full((4, 3), BOTH), 1)
    writer.close()
    words = ("--logdir", tmp_path / "runs", "--out", tmp_path, "--page", "images", "--page", "mesh")
    assert study("pictures", "tensorboard", *words) == 0
    pixels = {
        page: np.asarray(Image.open(tmp_path / f"tensorboard_{page}.png").convert("RGB")).astype(int)
        for page in ("images", "mesh")
    }
    assert (np.abs(pixels["images"] - MISSED).max(axis=-1) < 12).sum() > 20_000
    red, green, blue = np.moveaxis(pixels["mesh"], -1, 0)
    # Light and shade change the yellow's strength, not that it is yellow; TensorBoard itself shows none.
    assert ((red > 100) & (green > 90) & (blue < 0.6 * red) & (green > 0.8 * red)).sum() > 20_000
    assert FALSE not in map(tuple, pixels["images"].reshape(-1, 3))
