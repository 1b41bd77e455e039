import csv

import numpy as np
import pytest
import pyvista as pv
import trimesh
from scipy.ndimage import gaussian_filter
from shapes import scan, torus, tube

from bundle.geometry.case.export import export_case
from bundle.geometry.case.files import SUFFIXES
from bundle.geometry.case.options import CLOUD_FORMATS, COLOURS, FORMATS, ExportOptions
from bundle.geometry.case.plausible import MOST_BRANCHES, doubts_about_tree
from bundle.geometry.core import Branch, Tree
from bundle.geometry.measure import BranchCertainty
from bundle.geometry.render.opengl import why_no_pictures
from bundle.geometry.solver.tetrahedra import why_no_mesher

CERTAINTY = {"intercept": -1.4, "lumen": 0.6, "vein": -2.5, "length": 0.9}
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


def test_pieces_that_the_ct_shows_to_be_one_vessel_are_joined_and_the_report_says_over_what(tmp_path):
    line = np.array([[-18.0, 0, 0], [-6, 0, 0], [6, 0, 0], [18, 0, 0]])
    mask, affine, _ = scan(
        (90, 20, 20), AXES, lambda p: np.maximum(*(tube(p, x, 1.0) for x in (line[:2], line[2:])))
    )
    shown = scan((90, 20, 20), AXES, lambda p: tube(p, line, 1.0), edge_mm=0.3)[2]
    ct = (500 * shown - 100, affine)
    for name, given, gap_mm in (("alone", None, 0.0), ("ct", ct, 10.0)):  # the pieces' ends are round
        report = export_case(mask, affine, tmp_path, name, ct=given, pictures=False)
        assert sum(row["gap_mm"] for row in report["branches"]) == pytest.approx(gap_mm, abs=1.0)


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


def test_the_papers_smoothing_is_there_and_its_loss_is_reported(tmp_path):
    mask, affine, _ = ring()
    report = export_case(mask, affine, tmp_path, "7", smoothing="laplacian", pictures=False)
    assert report["smoothing"]["volume_change_percent"] < -5


def test_a_sheared_scan_is_reported(tmp_path):
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


def strange(kind):
    """A mask that is no coronary tree, and its affine."""
    affine = np.diag([0.5, 0.5, 0.5, 1.0])
    mask = np.zeros((30, 30, 30), np.uint8)
    if kind == "block":
        mask[:] = 1
    elif kind == "ring":
        mask, affine, _ = ring()
    elif kind == "crossing":
        one, other = [[-9, 0, 0.5], [9, 0, 0.5]], [[0, -9, -0.5], [0, 9, -0.5]]
        mask, affine, _ = scan(
            (42, 42, 20), AXES, lambda p: np.maximum(tube(p, one, 1.4), tube(p, other, 1.4))
        )
    elif kind == "specks":
        mask.ravel()[np.random.default_rng(0).choice(mask.size, 40, replace=False)] = 1
    elif kind == "sheared":
        mask, affine, _ = scan((50, 24, 24), AXES, lambda p: tube(p, [[-9, 0, 0], [9, 0, 0]], 1.4))
        affine[0, 1] = 0.15
    return mask, affine


@pytest.mark.parametrize("kind", ["block", "ring", "crossing", "specks", "sheared"])
def test_strange_masks_give_a_closed_mesh_or_a_sentence_whatever_is_asked_for(tmp_path, kind):
    report = export_case(
        *strange(kind), tmp_path, "x", pictures=False, colour_by="branch", edge_length_mm=0.7,
        solver=True, extension_diameters=1.0,
    )  # fmt: skip
    if kind == "specks":
        assert report["empty"] and "specks" in report["reason"]
    else:
        assert report["mesh"]["watertight"] and trimesh.load(tmp_path / "x_mesh.stl").is_watertight
    if (tmp_path / "x_solver.vtp").exists():
        assert pv.read(tmp_path / "x_solver.vtp").is_manifold
    else:
        assert kind in ("specks", "block") or report["warnings"]


def y_vessel():
    def solid(points):
        trunk = tube(points, [[-12, 0, 0], [12, 1, 1]], 1.6)
        return np.maximum(trunk, tube(points, [[0, 0.5, 0.5], [7, 9, 2]], 1.1))

    return scan((60, 50, 30), AXES, solid, edge_mm=0.3)


def test_what_is_asked_for_is_written_and_goes_with_the_next_run(tmp_path):
    mask, affine, probability = y_vessel()
    report = export_case(
        mask, affine, tmp_path, "7", probability, pictures=False, edge_length_mm=0.8, formats=("obj", "glb"),
        cloud_formats=("ply", "vtp"), voxel_points=True, colour_by="branch", turntable=2, solver=True,
    )  # fmt: skip
    assert report["files"]["points_vtp"] == "7_points.vtp" and report["files"]["voxels"] == "7_voxels.ply"
    assert sorted(report["files"].values()) == sorted(p.name for p in tmp_path.iterdir())
    drawn = why_no_pictures() is None
    assert (tmp_path / "7_turntable.gif").exists() == drawn and not (tmp_path / "7_snapshot.png").exists()
    export_case(mask, affine, tmp_path, "7", probability, pictures=False)
    left = {path.name.removeprefix("7_") for path in tmp_path.iterdir()} - {"branches.csv", "stenoses.csv"}
    assert left == {"mesh.stl", "mesh.ply", "mesh.vtp", "points.ply", "centerline.vtp", "scene.mrml"}


def test_every_file_that_can_be_written_is_known_when_old_ones_are_removed(tmp_path):
    mask, affine, probability = y_vessel()
    settings = {"formats": FORMATS, "cloud_formats": CLOUD_FORMATS, "voxel_points": True, "turntable": 1,
                "solver": True, "volume_mesh": True}  # fmt: skip
    report = export_case(mask, affine, tmp_path, "7", probability, **settings)
    assert {name.removeprefix("7_") for name in report["files"].values()} <= set(SUFFIXES)
    assert sorted(report["files"].values()) == sorted(p.name for p in tmp_path.iterdir())
    if why_no_mesher() is None:
        assert report["volume_mesh"]["tetrahedra"] > 1000 and "volume" in report["files"]
    else:
        assert any("pip install gmsh" in warning for warning in report["warnings"])


def test_edges_get_their_length_and_the_tree_stays(tmp_path):
    mask, affine, _ = y_vessel()
    fine = export_case(mask, affine, tmp_path, "fine", pictures=False)
    coarse = export_case(mask, affine, tmp_path, "coarse", pictures=False, edge_length_mm=0.9)
    few = export_case(mask, affine, tmp_path, "few", pictures=False, keep_triangles=0.5)
    assert coarse["mesh"]["triangles"] < 0.3 * fine["mesh"]["triangles"] and coarse["mesh"]["watertight"]
    assert few["mesh"]["triangles"] == pytest.approx(0.5 * fine["mesh"]["triangles"], rel=0.1)
    assert coarse["mesh"]["volume_mm3"] == pytest.approx(fine["mesh"]["volume_mm3"], rel=0.01)
    assert coarse["centerline_length_mm"] == fine["centerline_length_mm"]
    assert not any("edges of" in warning for warning in coarse["warnings"])
    longest = export_case(mask, affine, tmp_path, "longest", pictures=False, edge_length_mm=50)
    assert any("edges of 50 mm were asked for" in warning for warning in longest["warnings"])


def test_each_branch_says_how_sure_it_is_and_so_does_its_wall(tmp_path):
    mask, affine, probability = y_vessel()
    vein = np.zeros_like(probability)
    vein[: len(vein) // 2] = 0.6  # one of the two arms
    settings = {"pictures": False, "certainty": CERTAINTY, "colour_by": "certainty"}
    report = export_case(mask, affine, tmp_path, "7", probability, vein, **settings)
    with open(tmp_path / "7_branches.csv", newline="") as table:
        rows = list(csv.DictReader(table))
    sure = [float(row["certainty"]) for row in rows]
    assert sure == [row["certainty"] for row in report["branches"]]
    model = BranchCertainty(**CERTAINTY)
    for row in report["branches"]:
        values = (row[f"{name}_probability"] for name in ("lumen", "vein"))
        assert row["certainty"] == pytest.approx(model(row["length_mm"], *values), abs=0.01)
    assert np.ptp([row["vein_probability"] for row in report["branches"]]) > 0.2
    mesh = pv.read(tmp_path / "7_mesh.vtp")
    np.testing.assert_allclose(mesh["certainty"], np.take(sure, mesh["branch_id"]), atol=1e-6)
    colours = pv.read(tmp_path / "7_mesh.ply")["RGB"][:, 1]
    assert np.corrcoef(colours, mesh["certainty"])[0, 1] > 0.9


@pytest.mark.parametrize("colour_by", list(COLOURS))
def test_clouds_take_the_colours_that_were_asked_for(tmp_path, colour_by):
    mask, affine, probability = y_vessel()
    options = {
        "pictures": False,
        "colour_by": colour_by,
        "cloud_formats": ("ply", "vtp"),
        "certainty": CERTAINTY,
    }
    report = export_case(mask, affine, tmp_path, "7", probability, **options)
    cloud = pv.read(tmp_path / "7_points.vtp")
    values, rgb = cloud.point_data[report["points_coloured_by"]], cloud.point_data["RGB"]
    np.testing.assert_array_equal(rgb, pv.read(tmp_path / "7_points.ply").point_data["RGB"])
    if colour_by in ("branch", "certainty"):
        shades = {(branch, *color) for branch, color in zip(values.tolist(), rgb.tolist())}
        assert len(shades) == len(set(values.tolist())) == len({shade[1:] for shade in shades}) > 1
    else:
        inner = (values > np.percentile(values, 3)) & (values < np.percentile(values, 97))
        assert np.corrcoef(values[inner], rgb[inner, 1])[0, 1] > 0.9  # green rises along the palette


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"formats": ("stl", "fbx")}, "'fbx'"),
        ({"formats": "stl"}, "a list, such as"),
        ({"turntable": "many"}, "turntable is 'many'; it must be a number"),
        ({"centerline_limit_s": "soon"}, "centerline_limit_s is 'soon'; it must be a number"),
        ({"cloud_formats": ("las",)}, "'las'"),
        ({"colour_by": "age"}, "'age'"),
        ({"smoothing": "median"}, "'median'"),
        ({"edge_length_mm": 0.0}, "positive"),
        ({"keep_triangles": 1.5}, "between 0 and 1"),
        ({"turntable": -1}, "not negative"),
        ({"centerline": False, "solver": True}, "need the centreline"),
        ({"colour_by": "probability"}, "only where there is one"),
        ({"colour_by": "certainty"}, "weights whose certainty is known"),
        ({"colour_by": "certainty", "centerline": False}, "need the centreline"),
        ({"certainty": {"intercept": 1.0, "vain": 2.0}}, "the numbers intercept, lumen, vein, length"),
        ({"certainty": CERTAINTY | {"vein": float("nan")}}, "vein must be a number"),
    ],
)
def test_a_setting_that_cannot_be_is_named(tmp_path, settings, words):
    mask, affine, _ = ring()
    with pytest.raises(ValueError, match=words):
        export_case(mask, affine, tmp_path, "7", pictures=False, **settings)


def test_a_switch_is_read_as_a_command_line_gives_it():
    assert ExportOptions(pictures="false").pictures is False
    with pytest.raises(ValueError, match="pictures is 'maybe'; it must be true or false"):
        ExportOptions(pictures="maybe")


def box(shape, *sizes):
    """A mask at 2 mm whose boxes of these sizes (voxels) lie apart."""
    mask, at = np.zeros(shape, np.uint8), 2
    for size in sizes:
        mask[at : at + size[0], 2 : 2 + size[1], 2 : 2 + size[2]] = 1
        at += size[0] + 2
    return mask, np.diag([2.0, 2.0, 2.0, 1.0])


def sheets(count):
    """Flat boxes of 4 mm, none of them wide enough for an aorta: `count` times 12.8 mL."""
    return box((4 * count + 4, 44, 24), *[(2, 40, 20)] * count)


def test_too_large_a_volume_is_doubted(tmp_path):
    report = export_case(*sheets(3), tmp_path, "a", pictures=False)
    assert any("38 mL are marked" in text for text in report["warnings"])
    assert "branches" in report


def test_no_centreline_is_looked_for_in_a_flooded_mask(tmp_path):
    report = export_case(*sheets(13), tmp_path, "a", pictures=False)
    assert any("166 mL" in text and "no centreline" in text for text in report["warnings"])
    assert report["branches"] == [] and report["centerline_length_mm"] == 0
    assert report["mesh"]["watertight"]


def test_too_many_branches_are_doubted():
    flat = np.ones(3)
    branch = Branch(np.zeros((3, 3)), flat, flat, flat > 2, flat > 2, -1, 0, "unknown", 0.0, [])
    assert doubts_about_tree(Tree(branches=[branch] * MOST_BRANCHES)) == []
    assert "121 branches" in doubts_about_tree(Tree(branches=[branch] * (MOST_BRANCHES + 1)))[0]


def test_an_aorta_in_the_mask_is_grey_and_the_vessel_has_its_calibre(tmp_path):
    def inside(p):
        aorta = (np.linalg.norm(p[..., :2], axis=-1) < 12) & (np.abs(p[..., 2]) < 14)
        vessel = (np.linalg.norm(p[..., 1:], axis=-1) < 1.5) & (p[..., 0] > 0) & (p[..., 0] < 45)
        return aorta | vessel

    axes = [np.arange(-14, 47, 0.5), np.arange(-14, 14.5, 0.5), np.arange(-15, 15.5, 0.5)]
    mask = inside(np.stack(np.meshgrid(*axes, indexing="ij"), -1))
    affine = np.diag([0.5, 0.5, 0.5, 1.0])
    affine[:3, 3] = [axis[0] for axis in axes]
    export_case(mask, affine, tmp_path, "a", pictures=False)
    mesh = trimesh.load(tmp_path / "a_mesh.ply", process=False)
    rgb = np.asarray(mesh.visual.vertex_colors)[:, :3].astype(int)
    right = -np.asarray(mesh.vertices)[:, 0]  # the file is LPS
    grey = np.ptp(rgb, axis=1) < 20
    assert grey[right < 0].all() and not grey[right > 20].any()


def test_a_search_for_the_centreline_that_takes_too_long_is_given_up_and_the_surface_stays(tmp_path):
    mask, affine, _ = y_vessel()
    report = export_case(mask, affine, tmp_path, "a", pictures=False, centerline_limit_s=1e-6)
    (warning,) = report["warnings"]
    assert "given up" in warning and report["branches"] == [] and report["mesh"]["watertight"]
    assert (tmp_path / "a_mesh.stl").is_file() and not (tmp_path / "a_branches.csv").exists()
    again = export_case(mask, affine, tmp_path, "a", pictures=False)
    assert again["branches"] and not again["warnings"]
