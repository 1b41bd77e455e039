"""A running MONAI Label with a copy of the bundle."""

from __future__ import annotations

import os
import shutil
import subprocess

import nibabel as nib
import pytest
import requests
from label_server import CASES, LABEL_PYTHON, MODEL, ROOT, Server, free_port, wait

from bundle.phantom.phantom import SMALL, make_phantom


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Three small phantoms without labels, served by `scripts/label.py` of a copy of the bundle."""
    if not LABEL_PYTHON.exists():
        pytest.skip("MONAI Label's environment is missing: make test-label builds .venv-label")
    home = tmp_path_factory.mktemp("label")
    copy, studies, truth, app = home / "bundle", home / "studies", home / "truth", home / "app"
    for name in ("bundle", "configs", "models", "scripts"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    # Coarser than it is, in a tenth of the time: the answers are compared with the copy's own.
    native = copy / "configs" / "modes" / "native.yaml"
    quicker = {" else 0.5\"\n": " else 1.0\"\n", "gap_count: 8 ": "gap_count: 1 "}
    quicker["roi_size: [160, 160, 160]"] = "roi_size: [64, 64, 64]"
    for line, quick in quicker.items():
        assert line in native.read_text()
        native.write_text(native.read_text().replace(line, quick))
    for folder in (studies, truth):
        folder.mkdir()
    for name, seed in CASES.items():
        phantom = make_phantom(seed, SMALL)
        nib.save(nib.Nifti1Image(phantom.image, phantom.affine), studies / f"{name}.nii.gz")
        nib.save(nib.Nifti1Image(phantom.label, phantom.affine), truth / f"{name}.nii.gz")

    port = free_port()
    command = [LABEL_PYTHON, copy / "scripts" / "label.py", "--studies", studies, "--app", app]
    log = home / "server.log"
    settings = {"OMP_NUM_THREADS": str(os.cpu_count()), "CUDA_VISIBLE_DEVICES": ""}
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [*map(str, command), "--port", str(port)],
            cwd=home,
            env=os.environ | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            return requests.get(f"{url}/info/", timeout=5).ok
        except requests.ConnectionError:
            return False

    try:
        wait(answers, 180, "the start of MONAI Label")
        yield Server(url, copy, app / "model" / MODEL, studies, truth)
        assert process.poll() is None, log.read_text()[-3000:]
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
