"""An annotator's session with the real server: look, segment, submit labels, train, segment again."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
import pyvista as pv
from label_server import LABEL_PYTHON, MODEL, NATIVE, wait

from bundle.transforms.load_cta import LoadCTAd

pytestmark = [pytest.mark.label, pytest.mark.timeout(1200)]


def mask_of(path):
    """(bool array, RAS affine) of a NIfTI or NRRD mask."""
    volume = LoadCTAd("label")({"label": path})["label"]
    return volume[0].numpy() > 0, volume.affine.numpy()


def dice(a, b):
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def answer(server, tmp_path_factory):
    """The first mask and JSON, as MONAI Label answers by itself: in the scan's own format."""
    return server.infer("scored", tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def expected(server, tmp_path_factory):
    """The folder that the bundle's own command writes for the same scan, in the bundle's own environment."""
    out = tmp_path_factory.mktemp("expected")
    command = [sys.executable, "-m", "monai.bundle", "run", "inference"]
    command += ["--config_file", "configs/inference.yaml", "--geometry#pictures", "False"]
    command += ["--dataset_dir", str(server.studies / "scored.nii.gz"), "--output_dir", str(out)]
    subprocess.run(command, cwd=server.bundle, check=True, capture_output=True, timeout=600)
    return out / "scored"


@pytest.fixture(scope="module")
def trained(server, answer):
    """Labels of two phantoms are submitted, and one epoch is trained on them: the weights' digest before."""
    before = digest(server.model / "models" / "model.pt")
    for name in ("first", "second"):
        with open(server.truth / f"{name}.nii.gz", "rb") as label:
            sent = server.put(f"/datastore/label?image={name}&tag=final", files={"label": label})
        assert sent.status_code == 200, sent.text
    # 3D Slicer sends every option of /info/, the first where there are several.
    options = server.get("/info/").json()["trainers"][MODEL]["config"]
    options = {key: value[0] if isinstance(value, list) else value for key, value in options.items()}
    started = server.post(f"/train/{MODEL}", json=options | {"max_epochs": 1})
    assert started.status_code == 200, started.text

    def ended():
        task = server.get("/train/").json()
        return task if task["status"] in ("DONE", "ERROR", "STOPPED") else None

    task = wait(ended, 900, "one epoch")
    assert task["status"] == "DONE", task["details"]
    return before


def test_info_lists_the_model_and_its_label(server):
    info = server.get("/info/").json()
    assert info["labels"] == ["coronary_artery"]
    model = info["models"][MODEL]
    assert (model["type"], model["labels"], model["dimension"]) == ("segmentation", {"coronary_artery": 1}, 3)
    assert info["models"][NATIVE]["type"] == "segmentation" and NATIVE not in info["trainers"]
    assert MODEL in info["trainers"] and MODEL in info["scoring"] and "epistemic" in info["strategies"]


def test_the_mask_is_the_bundles_own_on_the_scans_grid(server, answer, expected):
    path, about = answer
    assert path.name.endswith(".nii.gz") and about["label_names"] == {"coronary_artery": 1}
    scan = nib.load(server.studies / "scored.nii.gz")
    mask, affine = mask_of(path)
    own, _ = mask_of(expected / "scored_seg.nii.gz")
    assert mask.shape == scan.shape and own.any()
    np.testing.assert_allclose(affine, scan.affine, atol=1e-3)
    assert dice(mask, own) >= 0.999


def test_the_native_model_answers_with_the_mask_of_its_own_command(server, tmp_path):
    path, about = server.infer("first", tmp_path, model=NATIVE)
    command = [sys.executable, "-m", "monai.bundle", "run", "inference", "--geometry#pictures", "False"]
    command += ["--config_file", str(["configs/inference.yaml", "configs/modes/native.yaml"])]
    command += ["--dataset_dir", str(server.studies / "first.nii.gz"), "--output_dir", str(tmp_path / "own")]
    subprocess.run(command, cwd=server.bundle, check=True, capture_output=True, timeout=600)
    own, _ = mask_of(tmp_path / "own" / "first" / "first_seg.nii.gz")
    # Another number of threads, as the server has, alone moves this mask by half a percent.
    assert own.any() and dice(mask_of(path)[0], own) >= 0.99
    report = about["geometry"]
    assert all(0 <= branch["certainty"] <= 1 for branch in report["branches"])
    assert server.get(f"/geometry/{report['case']}/{report['files']['mesh_stl']}").status_code == 200


def test_the_mesh_reaches_the_client(server, answer, expected, tmp_path):
    """Closed, and where and as large as that of the bundle's own run."""
    report = answer[1]["geometry"]
    sent = server.get(f"/geometry/{report['case']}/{report['files']['mesh_vtp']}")
    assert sent.status_code == 200
    (tmp_path / "mesh.vtp").write_bytes(sent.content)
    mesh, own = pv.read(tmp_path / "mesh.vtp"), pv.read(expected / "scored_mesh.vtp")
    assert mesh.is_manifold and mesh.n_open_edges == 0 and "radius_mm" in mesh.point_data
    assert mesh.volume == pytest.approx(own.volume, rel=0.01)
    np.testing.assert_allclose(mesh.bounds, own.bounds, atol=0.1)


SLICER = """
import shutil, sys
from monailabel.client import MONAILabelClient

client = MONAILabelClient(sys.argv[1])
assert client.info()["labels"] == ["coronary_artery"]
params = {"result_extension": ".nrrd", "result_dtype": "uint8"}
file, about = client.infer(sys.argv[2], "scored", params)
assert about["label_names"] == {"coronary_artery": 1}
shutil.move(file, sys.argv[3])
"""


def test_slicers_client_gets_the_same_mask_as_nrrd(server, answer, tmp_path):
    """With the class and the parameters that MONAI Label's module in 3D Slicer uses."""
    path = tmp_path / "answer.nrrd"
    command = [str(LABEL_PYTHON), "-c", SLICER, server.url, MODEL, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    (mask, affine), (first, first_affine) = mask_of(path), mask_of(answer[0])
    assert path.read_bytes().startswith(b"NRRD")
    np.testing.assert_array_equal(mask, first)
    np.testing.assert_allclose(affine, first_affine, atol=1e-3)


BROKEN = {
    "cut.nii.gz": lambda whole: whole[: len(whole) // 2],
    "words.nii.gz": lambda whole: gzip.compress(b"no image " * 100),
    "empty.nrrd": lambda whole: b"",
}


@pytest.mark.parametrize(("name", "change"), BROKEN.items(), ids=BROKEN)
def test_a_broken_upload_gets_a_sentence_and_the_server_lives_on(server, name, change):
    content = change((server.studies / "scored.nii.gz").read_bytes())
    answer = server.post(f"/infer/{MODEL}", timeout=60, files={"file": (name, content)})
    assert answer.status_code == 422
    sentence = answer.json()["detail"]
    assert "copy or download it again" in sentence or "is not an image" in sentence
    assert "Traceback" not in sentence and "\n" not in sentence
    assert server.get("/info/").status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        (f"/infer/{MODEL}?image=nobody", 404, "no image 'nobody'"),
        ("/infer/other?image=scored", 400, "no model 'other'"),
        ("/activelearning/other", 400, "no such strategy 'other'"),
    ],
)
def test_a_wrong_request_gets_a_sentence(server, path, status, words):
    answer = server.post(path)
    assert answer.status_code == status and words in answer.json()["detail"]


def test_scoring_answers_and_the_scan_is_proposed(server):
    options = {"simulation_size": 2, "max_samples": 1, "device": "cpu"}
    summary = server.post(f"/scoring/{MODEL}?run_sync=true", json=options).json()
    assert summary["executed"] == 1
    scored = [
        image
        for image in server.get("/datastore/?output=all").json()["objects"].values()
        if image["image"]["info"].get("epistemic_entropy", 0) > 0
    ]
    assert len(scored) == 1
    sample = server.post("/activelearning/epistemic").json()
    assert sample["id"] in ("scored", "first", "second")


def test_training_writes_the_weights_that_the_next_mask_is_made_with(server, answer, trained, tmp_path):
    """Into the app's own copy: the bundle's weights stay as they are."""
    assert digest(server.model / "models" / "model.pt") != trained
    assert digest(server.bundle / "models" / "model.pt") == trained
    path, _ = server.infer("scored", tmp_path)
    before, after = mask_of(answer[0])[0], mask_of(path)[0]
    assert 0 < np.count_nonzero(before != after) < before.sum() + after.sum()
