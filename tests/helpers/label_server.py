"""A running MONAI Label with a copy of the bundle, and what a viewer does with it."""

from __future__ import annotations

import email
import json
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
LABEL_PYTHON = ROOT / ".venv-label" / "bin" / "python"
MODEL, NATIVE = "coronary_ct_segmentation", "coronary_ct_native_segmentation"
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

    def infer(self, image: str, folder: Path, model: str = MODEL, **params) -> tuple[Path, dict]:
        """What the viewers do: the mask, saved in `folder` under the name of the answer, and the JSON."""
        answer = self.post(f"/infer/{model}?image={image}", data={"params": json.dumps(params)})
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
