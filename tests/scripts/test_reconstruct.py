"""scripts/reconstruct.py, called as a person calls it."""

import csv
import json
import resource

import nibabel as nib
import numpy as np
import pytest
import pyvista as pv
import trimesh
from contrast_network import ContrastNetwork
from inference_run import workflow
from reconstruct import main
from script_call import call
from shapes import rotation, scan, tube

from bundle.geometry.case import solver_files
from bundle.geometry.render.opengl import why_no_pictures
from bundle.geometry.solver.tetrahedra import NoVolumeMesh, why_no_mesher
from bundle.networks import save_weights

AXES = rotation((10, 20, 30)) @ np.diag([0.5, -0.5, 0.6])


@pytest.fixture(scope="module")
def vessel():
    return scan((50, 40, 40), AXES, lambda p: tube(p, [[-8, -3, -4], [0, 2, 0], [7, 0, 5]], 1.5), 0.3)


def test_nifti_and_nrrd_of_one_vessel_give_one_surface(vessel, tmp_path, capsys):
    itk = pytest.importorskip("itk")
    mask, affine, _ = vessel
    nib.save(nib.Nifti1Image(mask, affine), tmp_path / "a.nii.gz")
    itk.imwrite(itk.imread(tmp_path / "a.nii.gz"), tmp_path / "b.nrrd")
    out = tmp_path / "out"
    files = (tmp_path / "a.nii.gz", tmp_path / "b.nrrd")
    assert call(main, *files, "--out", out, "--no-pictures") == 0
    a, b = (trimesh.load(out / n / f"{n}_mesh.stl") for n in "ab")
    np.testing.assert_allclose(a.bounds, b.bounds, atol=1e-3)
    assert "closed" in capsys.readouterr().out
    report = json.loads((out / "a" / "a.json").read_text())
    assert report["centerline_length_mm"] == pytest.approx(22.0, abs=2.5)


def test_a_probability_is_seen_as_one(vessel, tmp_path, capsys):
    _, affine, probability = vessel
    nib.save(nib.Nifti1Image(probability, affine), tmp_path / "p.nii.gz")
    assert call(main, tmp_path / "p.nii.gz", "--out", tmp_path / "out", "--no-pictures") == 0
    assert "read as a probability" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(("--threshold", 50), "--threshold"), (("--out", "note"), "--out 'note' cannot be")],
)
def test_a_mistake_is_named_before_a_mask_is_read(words, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "note").write_text("mine")
    assert call(main, "nowhere.nii.gz", "--out", "out", *words) == 2
    assert sentence in capsys.readouterr().err and (tmp_path / "note").read_text() == "mine"


def test_the_ct_of_another_patient_is_refused(vessel, tmp_path, capsys):
    mask, affine, _ = vessel
    nib.save(nib.Nifti1Image(mask, affine), tmp_path / "a.nii.gz")
    elsewhere = np.array(affine)
    elsewhere[:3, 3] += 400
    nib.save(nib.Nifti1Image(np.int16(mask) * 300, elsewhere), tmp_path / "ct.nii.gz")
    words = (
        tmp_path / "a.nii.gz",
        "--out",
        tmp_path / "out",
        "--no-pictures",
        "--image",
        tmp_path / "ct.nii.gz",
    )
    assert call(main, *words) == 1
    assert "a.nii.gz: " in (said := capsys.readouterr().err) and "ct.nii.gz shows 0 % of its vessels" in said
    assert not list((tmp_path / "out").rglob("*.*"))


def test_bad_files_are_named_and_the_good_one_is_done(vessel, tmp_path, capsys):
    mask, affine, _ = vessel
    nib.save(nib.Nifti1Image(mask, affine), tmp_path / "good.nii.gz")
    (tmp_path / "torn.nii.gz").write_bytes((tmp_path / "good.nii.gz").read_bytes()[:300])
    (tmp_path / "text.nrrd").write_text("no image")
    flat = nib.Nifti1Image(np.float32(np.random.default_rng(0).normal(size=(4, 4, 4))), affine)
    nib.save(flat, tmp_path / "hu.nii.gz")
    empty = nib.Nifti1Image(0 * mask, affine)
    nib.save(empty, tmp_path / "empty.nii.gz")
    names = ["torn.nii.gz", "text.nrrd", "hu.nii.gz", "none.nii.gz", "empty.nii.gz", "good.nii.gz"]
    code = call(main, *(tmp_path / n for n in names), "--out", tmp_path / "out", "--no-pictures")
    said = capsys.readouterr()
    assert code == 1
    for name in names[:4]:
        assert name in said.err
    assert len(said.err.strip().splitlines()) == 4
    assert "the mask is empty" in said.out and "good: " in said.out
    assert (tmp_path / "out" / "good" / "good_mesh.stl").exists()


def test_a_header_that_ends_itk_ends_in_a_sentence(vessel, tmp_path, capsys):
    """ITK itself dies of a word of 5,000 letters, and the other files with it."""
    itk = pytest.importorskip("itk")
    itk.imwrite(itk.image_from_array(vessel[0]), str(tmp_path / "a.nrrd"))
    whole = (tmp_path / "a.nrrd").read_bytes()
    assert b"kinds: domain" in whole
    (tmp_path / "a.nrrd").write_bytes(whole.replace(b"kinds: domain", b"kinds: " + b"A" * 5000))
    assert call(main, tmp_path / "a.nrrd", "--out", tmp_path / "out", "--no-pictures") == 1
    assert "a.nrrd" in capsys.readouterr().err


def test_the_mask_of_a_run_gives_the_tables_of_the_run(tmp_path, capsys):
    """What inference measured and what is measured again on its files is one tree, to the last digit."""
    save_weights(ContrastNetwork(gain=20), tmp_path / "contrast.pt")
    path = np.stack([np.linspace(-14, 14, 80), np.zeros(80), np.linspace(-3, 3, 80)], axis=1)
    radius = np.linspace(2.2, 1.8, 80) * (1 - 0.6 * np.exp(-0.5 * (path[:, 0] / 2) ** 2))
    _, affine, lumen = scan(
        (48, 48, 32), rotation((5, 5, 0)) @ np.diag([0.8, -0.8, 0.8]), lambda p: tube(p, path, radius), 0.5
    )
    noise = np.random.default_rng(0).normal(0, 20, lumen.shape)
    nib.save(nib.Nifti1Image((50 + 350 * lumen + noise).astype(np.int16), affine), tmp_path / "a.nii.gz")
    workflow(tmp_path / "a.nii.gz", tmp_path / "eval", tmp_path / "contrast.pt").run()
    mask = tmp_path / "eval" / "a" / "a_seg.nii.gz"
    ct = ("--image", tmp_path / "a.nii.gz")
    assert call(main, mask, "--out", tmp_path / "again", "--no-pictures", *ct) == 0
    said = capsys.readouterr().out
    assert "a_prob.nii.gz places the wall" in said and "1 stenoses" in said
    for table in ("branches.csv", "stenoses.csv"):
        again = tmp_path / "again" / "a_seg" / f"a_seg_{table}"
        assert again.read_text() == (tmp_path / "eval" / "a" / f"a_{table}").read_text()
    (row,) = csv.DictReader(again.read_text().splitlines())
    assert row["narrows_in_image"] == "True" and float(row["percent_in_image"]) > 30
    assert float(row["calcium_mm3"]) == 0
    edited = nib.load(mask)
    voxels = edited.get_fdata().astype(np.uint8)
    voxels[tuple(np.argwhere(voxels)[0])] = 0
    nib.save(nib.Nifti1Image(voxels, edited.affine), mask)
    assert call(main, mask, "--out", tmp_path / "again", "--no-pictures") == 0
    assert "a_prob.nii.gz is left out" in capsys.readouterr().out


def test_every_setting_has_its_flag(vessel, tmp_path):
    mask, affine, _ = vessel
    nib.save(nib.Nifti1Image(mask, affine), tmp_path / "a.nii.gz")
    flags = "--no-pictures --edge-length-mm 0.7 --turntable 2 --cloud-formats ply,vtp --colour-by branch"
    flags += " --formats obj --solver --extension-diameters 1"
    assert call(main, tmp_path / "a.nii.gz", "--out", tmp_path, *flags.split()) == 0
    report = json.loads((tmp_path / "a" / "a.json").read_text())
    assert report["points_coloured_by"] == "branch_id"
    expected = {"mesh_obj", "points", "points_vtp", "centerline", "solver_vtp"}
    assert expected <= set(report["files"]) and "mesh_stl" not in report["files"]
    if why_no_pictures() is None:
        assert report["files"]["turntable"] == "a_turntable.gif"


@pytest.mark.parametrize("flags", [["--formats", "fbx"], ["--keep-triangles", "2"]])
def test_an_impossible_setting_is_refused_at_once(tmp_path, capsys, flags):
    assert call(main, tmp_path / "a.nii.gz", "--out", tmp_path, *flags) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert flags[1] in said


@pytest.mark.skipif(why_no_mesher() is None, reason="gmsh is installed here")
def test_a_volume_mesh_without_gmsh_is_refused_at_once(tmp_path, capsys):
    assert call(main, tmp_path / "a.nii.gz", "--out", tmp_path, "--volume-mesh") == 2
    assert "pip install gmsh" in capsys.readouterr().err


@pytest.mark.parametrize("kb", [20, 60, 140, 300])
def test_a_full_disk_is_a_sentence_and_leaves_no_half_file(vessel, tmp_path, capsys, kb):
    """A limit on the size of files fails as a full disk does. VTK's own writer ends the process on it."""
    mask, affine, _ = vessel
    nib.save(nib.Nifti1Image(mask, affine), tmp_path / "a.nii.gz")
    flags = ["--no-pictures", "--formats", "vtp", "--solver"]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kb * 1024, before[1]))
    try:
        code = call(main, tmp_path / "a.nii.gz", "--out", tmp_path / "out", *flags)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = capsys.readouterr().err.strip().splitlines()
    assert code == 1 and len(said) == 1 and "the disk is full" in said[0]
    left = list((tmp_path / "out").rglob("*.*"))
    assert not any(path.name.startswith(".") or path.suffix == ".json" for path in left)
    assert all(pv.read(path).n_points for path in left if path.suffix == ".vtp")


@pytest.mark.parametrize("flags", [["--unit", "m"], ["--keep-aorta"], ["--extension-diameters", "5"]])
def test_a_setting_of_the_solver_model_without_one_is_refused(tmp_path, capsys, flags):
    assert call(main, tmp_path / "a.nii.gz", "--out", tmp_path, *flags) == 2
    assert "ask for it too, by solver" in capsys.readouterr().err


def test_a_volume_mesh_that_cannot_be_made_fails_the_command(vessel, tmp_path, capsys, monkeypatch):
    def fails(model, **_):
        raise NoVolumeMesh("gmsh crashed")

    monkeypatch.setattr("bundle.command.reconstruct.why_no_mesher", lambda: None)
    monkeypatch.setattr(solver_files, "volume_mesh", fails)
    nib.save(nib.Nifti1Image(*vessel[:2]), tmp_path / "a.nii.gz")
    assert call(main, tmp_path / "a.nii.gz", "--out", tmp_path, "--no-pictures", "--volume-mesh") == 1
    said = capsys.readouterr()
    assert "note: no volume mesh: gmsh crashed" in said.out and "solver model of edges of 0." in said.out
    assert "the volume mesh that was asked for" in said.err.strip().splitlines()[-1]


def test_two_files_of_one_name_are_refused(tmp_path):
    assert call(main, "a/x.nii.gz", "b/x.nii.gz", "--out", tmp_path) == 2
