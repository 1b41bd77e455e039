"""A running MONAI Label with a copy of the bundle, and what a viewer does with it."""

from __future__ import annotations

import email
import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import pytest
import requests

from bundle.phantom.phantom import SMALL, make_phantom

ROOT = Path(__file__).resolve().parents[2]
LABEL_PYTHON = ROOT / ".venv-label" / "bin" / "python"
MODEL = "coronary_ct_segmentation"
CASES = {"scored": 11, "first": 12, "second": 13}  # name to seed


@dataclass
class Server:
    """A client of one server.

    bundle: the copy of the bundle that it serves. model: the bundle's folder in the app. studies: the scans.
    truth: their lumen.
    """

    url: str
    bundle: Path
    model: Path
    studies: Path
    truth: Path

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=60)

    def post(self, path: str, timeout: float = 600, **keywords) -> requests.Response:
        return requests.post(self.url + path, timeout=timeout, **keywords)

    def put(self, path: str, **keywords) -> requests.Response:
        return requests.put(self.url + path, timeout=60, **keywords)

    def infer(self, image: str, folder: Path, **params) -> tuple[Path, dict]:
        """What the viewers do: the mask, saved in `folder` under the name of the answer, and the JSON."""
        answer = self.post(f"/infer/{MODEL}?image={image}", data={"params": json.dumps(params)})
        assert answer.status_code == 200, answer.text
        head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
        parts = {
            part.get_param("name", header="Content-Disposition"): part
            for part in email.message_from_bytes(head + answer.content).get_payload()
        }
        mask = folder / parts["image"].get_filename()
        mask.write_bytes(parts["image"].get_payload(decode=True))
        return mask, json.loads(parts["params"].get_payload())


def wait(ready, seconds: float, what: str):
    """The first true value of `ready()`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := ready():
            return value
        time.sleep(0.5)
    raise AssertionError(f"{what} took more than {seconds:g} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Three small phantoms without labels, served by `scripts/label.py` of a copy of the bundle."""
    if not LABEL_PYTHON.exists():
        pytest.skip("MONAI Label's environment is missing: make test-label builds .venv-label")
    home = tmp_path_factory.mktemp("label")
    copy, studies, truth, app = home / "bundle", home / "studies", home / "truth", home / "app"
    for name in ("bundle", "configs", "models", "scripts"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
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
