import numpy as np
import pytest
import pyvista as pv
import trimesh
from scipy.ndimage import gaussian_filter
from shapes import scan, torus, tube

from bundle.geometry.export import export_case

AXES = np.diag([-0.5, -0.5, 0.5])


def ring(edge_mm=0.3):
    return scan((40, 40, 30), AXES, lambda p: torus(p, 6.0, 1.5), edge_mm)


def test_a_case_leaves_its_files_and_a_report_with_units(tmp_path):
    mask, affine, probability = ring()
    report = export_case(mask, affine, tmp_path, "7", probability, pictures=False, voxel_points=True)
    assert not report["empty"] and report["mesh"]["watertight"] and report["warnings"] == []
    assert sorted(report["files"].values()) == sorted(p.name for p in tmp_path.iterdir())
    assert report["smoothing"]["volume_after_mm3"] > 0 and report["mask_volume_mm3"] == mask.sum() * 0.125
    other = trimesh.load(tmp_path / "7_mesh.stl")
    assert other.is_watertight
    assert abs(other.volume / (2 * np.pi**2 * 6 * 1.5**2) - 1) < 0.03
    confidence = pv.read(tmp_path / "7_mesh.vtp").point_data["confidence"]
    assert 0.7 < confidence.mean() <= 1.0


def test_an_empty_mask_is_reported_and_old_files_go(tmp_path):
    mask, affine, probability = ring()
    export_case(mask, affine, tmp_path, "7", probability, pictures=False)
    report = export_case(0 * mask, affine, tmp_path, "7", probability, pictures=False)
    assert report["empty"] and "empty" in report["reason"] and report["files"] == {}
    assert not list(tmp_path.iterdir())


def test_specks_alone_are_reported(tmp_path):
    mask = np.zeros((9, 9, 9), np.uint8)
    mask[4, 4, 4] = 1
    assert "specks" in export_case(mask, np.eye(4) * [0.4, 0.4, 0.4, 1], tmp_path, "a")["reason"]


def test_the_same_input_gives_the_same_files(tmp_path):
    mask, affine, probability = ring()
    for folder in ("a", "b"):
        export_case(mask, affine, tmp_path / folder, "7", probability, pictures=False)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_the_papers_smoothing_is_there_and_its_loss_is_told(tmp_path):
    mask, affine, _ = ring()
    report = export_case(mask, affine, tmp_path, "7", smoothing="laplacian", pictures=False)
    assert report["smoothing"]["volume_change_percent"] < -5


def test_a_sheared_scan_is_told(tmp_path):
    mask, affine, _ = ring()
    affine[1, 2] = 0.2
    report = export_case(mask, affine, tmp_path, "7", pictures=False)
    assert "sheared" in report["warnings"][0] and report["mesh"]["watertight"]


def test_a_solver_model_is_written_on_request(tmp_path):
    mask, affine, _ = scan((60, 30, 30), AXES, lambda p: tube(p, [[-12, 0, 0], [12, 1, 1]], 1.6))
    report = export_case(mask, affine, tmp_path, "7", pictures=False, solver=True, extension_diameters=2.0)
    kinds = [patch["kind"] for patch in report["solver_patches"]]
    assert kinds == ["wall", "inlet", "outlet"]
    assert pv.read(tmp_path / "7_solver.vtp").is_manifold


@pytest.mark.parametrize("seed", range(5))
def test_any_mask_gives_a_closed_mesh_or_a_sentence(tmp_path, seed):
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.normal(size=rng.integers(8, 18, 3)), 0.4 + 0.4 * seed)
    mask = smooth > np.quantile(smooth, 0.6 + 0.06 * seed)
    affine = np.diag([*rng.uniform(0.3, 1.2, 3) * rng.choice([-1, 1], 3), 1.0])
    report = export_case(mask, affine, tmp_path, "x", pictures=False, solver=True, extension_diameters=1.0)
    if report["empty"]:
        assert report["reason"] and not list(tmp_path.iterdir())
    else:
        assert report["mesh"]["watertight"] and trimesh.load(tmp_path / "x_mesh.stl").is_watertight
