"""An Orthanc of one's own on this machine, for the time of a study."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Orthanc", "running", "why_not"]

_PLUGINS = ("/usr/share/orthanc/plugins", "/usr/local/share/orthanc/plugins")
_DICOM_WEB = "libOrthancDicomWeb.so"
_START_S = 30


def _plugin() -> Path | None:
    found = (Path(folder) / _DICOM_WEB for folder in _PLUGINS)
    return next((path for path in found if path.exists()), None)


def why_not() -> str | None:
    """What is missing, in a sentence; None where nothing is."""
    if shutil.which("Orthanc") is None:
        return "Orthanc is not installed (Debian: orthanc)"
    if shutil.which("storescu") is None:
        return "storescu is not installed (Debian: dcmtk)"
    return None if _plugin() else "Orthanc has no DICOMweb (Debian: orthanc-dicomweb)"


@dataclass(frozen=True)
class Orthanc:
    """A server that is running.

    http: its address. dicom_port: for C-STORE. version: its own.
    """

    http: str
    dicom_port: int
    version: str

    def get(self, path: str, accept: str = "*/*") -> bytes:
        """What it answers to GET."""
        request = urllib.request.Request(f"{self.http}/{path}", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=120) as answer:
            kind, body = answer.headers["Content-Type"], answer.read()
        if not kind.startswith("multipart/"):
            return body
        boundary = b"--" + re.search('boundary="?([^";]+)', kind)[1].encode()
        _, part, _ = body.split(boundary)  # one part
        return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")

    def json(self, path: str):
        """The same, read as JSON."""
        return json.loads(self.get(path, "application/json"))

    def store(self, folder: Path) -> str:
        """Send all DICOM files below a folder by C-STORE; what storescu says of failures, else ""."""
        words = ["storescu", "-R", "-aec", "ORTHANC", "+sd", "+r", "+sp", "*.dcm", "127.0.0.1"]
        done = subprocess.run(
            [*words, str(self.dicom_port), folder], capture_output=True, text=True, check=False
        )
        return (done.stdout + done.stderr).strip() if done.returncode else ""


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def running(folder: Path) -> Iterator[Orthanc]:
    """An empty Orthanc that answers this machine alone and keeps its files in a folder.

    Raises:
        RuntimeError: it does not begin.
    """
    http, dicom = _free_port(), _free_port()
    settings = {
        "StorageDirectory": str(folder / "storage"), "IndexDirectory": str(folder / "storage"),
        "HttpPort": http, "DicomPort": dicom, "DicomAet": "ORTHANC", "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False, "Plugins": [str(_plugin())],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with open(folder / "orthanc.log", "w") as log:
        process = subprocess.Popen(["Orthanc", str(folder / "orthanc.json")], stdout=log, stderr=log)
    try:
        yield _answering(f"http://127.0.0.1:{http}", dicom, process)
    finally:
        process.terminate()
        process.wait(timeout=60)


def _answering(address: str, dicom: int, process: subprocess.Popen) -> Orthanc:
    for _ in range(10 * _START_S):
        try:
            version = json.loads(urllib.request.urlopen(f"{address}/system", timeout=10).read())["Version"]
            return Orthanc(address, dicom, version)
        except urllib.error.URLError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise RuntimeError(f"Orthanc does not answer at {address}")
