"""A real patient's aorta and coronary trees: our surface and centrelines against the given ones.

`../shared/data/narco119` (multimoda-rs, MIT) holds the closed surface, its mask at 0.5 mm, and VMTK's
centrelines.
"""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import pyvista as pv
from scipy.spatial import cKDTree

from bundle.common.coordinates import ras_to_lps
from bundle.geometry.centerline.aorta import without_aorta
from bundle.geometry.centerline.build import vessel_tree
from bundle.geometry.core.mesh import check_mesh
from bundle.geometry.core.vessels import find_vessels
from bundle.geometry.measure import measure_tree
from bundle.geometry.naming import name_branches
from bundle.geometry.surface.extract import vessel_surface
from bundle.geometry.surface.smoothing import smooth_surface

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "narco119"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="shared/data/narco119 is not beside the checkout")


@pytest.fixture(scope="module")
def vessels():
    image = nib.load(DATA / "NARCO_119_mask_0p5mm.nii.gz")
    return find_vessels(np.asarray(image.dataobj), image.affine)


@pytest.fixture(scope="module")
def mesh(vessels):
    return smooth_surface(vessel_surface(vessels))[0]


def distance_to(points, surface):
    """Distance (mm) of points to the triangles of a surface."""
    measured = pv.PolyData(points).compute_implicit_distance(surface)
    return np.abs(measured["implicit_distance"])


def test_surface_is_the_patients(mesh):
    truth = pv.read(DATA / "NARCO_119.stl").clean().triangulate()
    assert check_mesh(mesh)["watertight"]
    assert mesh.volume == pytest.approx(truth.volume, rel=0.02)
    ours = pv.PolyData(ras_to_lps(np.asarray(mesh.points)), mesh.faces)
    distance = np.concatenate([distance_to(ours.points, truth), distance_to(truth.points, ours)])
    assert distance.mean() < 0.06
    assert np.percentile(distance, 95) < 0.15


@pytest.mark.parametrize("name", ["lca", "rca"])
def test_centerline_follows_vmtk(vessels, mesh, name):
    tree = vessel_tree(without_aorta(vessels), mesh)
    ours = ras_to_lps(np.vstack([segment.points for segment in tree.segments]))
    given = pv.read(DATA / f"{name}_cl.vtp")
    radius = np.asarray(given["MaximumInscribedSphereRadius"])
    coronary = np.asarray(given.points)[radius < 2.5]  # VMTK's paths begin in the aorta
    distance = cKDTree(ours).query(coronary)[0]
    assert np.median(distance) < 0.5
    assert (distance < 1.0).mean() > 0.9


def test_the_calibre_of_a_left_main_is_not_that_of_the_rim_where_the_aorta_was_cut_off(vessels, mesh):
    """VMTK: inscribed diameters of 4.2 to 5.0 mm in this left main, 2.3 to 2.9 in the RCA's first 12 mm."""
    tree = name_branches(vessel_tree(without_aorta(vessels), mesh))
    rows = {row["name"]: row for row in measure_tree(tree)}
    for key in ("proximal_diameter_mm", "mean_diameter_mm"):
        assert rows["LM"][key] == pytest.approx(4.5, abs=0.4)
    assert rows["LM"]["min_diameter_mm"] > 3
    assert rows["RCA"]["proximal_diameter_mm"] == pytest.approx(3.0, abs=0.4)
    assert rows["RCA"]["min_diameter_mm"] > 1.5
