"""The examples in the docstrings are right; what one of them names is there in the others."""

import doctest
import importlib

import numpy as np
import pytest
from shapes import scan, tube

from bundle.geometry.centerline import vessel_tree
from bundle.geometry.core import find_vessels
from bundle.geometry.naming import name_branches
from bundle.geometry.surface import smooth_surface, surface_cloud, vessel_surface

MODULES = (
    "common.crop", "common.thinning", "geometry.case.export", "geometry.centerline.build",
    "geometry.core.vessels", "geometry.io.masks", "geometry.io.meshes",
    "geometry.io.trees", "geometry.measure.branches", "geometry.naming.names",
    "geometry.measure.stenosis", "geometry.solver.model", "geometry.surface.extract",
    "geometry.surface.smoothing", "metrics.cldice", "metrics.one_case",
)  # fmt: skip


@pytest.fixture(scope="module")
def names():
    """A vessel 40 mm long that tapers from 3.6 to 2.4 mm, with a narrowing to half of that in its middle."""
    along = np.linspace(-20, 20, 200)
    radius = np.linspace(1.8, 1.2, 200) * (1 - 0.5 * np.exp(-(((along - 2) / 1.6) ** 2)))
    path = np.stack([along, 0.002 * along**2, 0 * along], axis=1)
    mask, affine, _ = scan((112, 24, 24), np.diag([0.4, 0.4, 0.4]), lambda p: tube(p, path, radius))
    vessels = find_vessels(mask, affine)
    wall, _ = smooth_surface(vessel_surface(vessels))
    tree = name_branches(vessel_tree(vessels, wall))
    return {
        "mask": mask,
        "affine": affine,
        "vessels": vessels,
        "wall": wall,
        "tree": tree,
        "cloud": surface_cloud(wall),
    }


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of(name, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(f"bundle.{name}")
    result = doctest.testmod(module, extraglobs=dict(names), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0 and result.attempted > 0
