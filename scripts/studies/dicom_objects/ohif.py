"""The OHIF viewer in a browser, on the studies of an Orthanc."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ..pictures.browser import chromium

__all__ = ["segments_shown"]

_SOURCE = {
    "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
    "sourceName": "dicomweb",
    "configuration": {
        "friendlyName": "Orthanc", "name": "Orthanc", "wadoUriRoot": "/dicom-web", "qidoRoot": "/dicom-web",
        "wadoRoot": "/dicom-web", "imageRendering": "wadors", "thumbnailRendering": "wadors",
        "enableStudyLazyLoad": True, "bulkDataURI": {"enabled": True},
        "omitQuotationForMultipartRequest": True,
    },
}  # fmt: skip
_SETTINGS = {"extensions": [], "modes": [], "showStudyList": True, "defaultDataSourceName": "dicomweb"}
_SERIES = '[data-cy="study-browser-thumbnail-no-image"]'
# A tour through the viewer lies over it the first time.
_NO_TOUR = """document.querySelectorAll('.shepherd-modal-overlay-container, .shepherd-element')
  .forEach(element => element.remove())"""
_WAIT_MS = 180_000


class _Pages(SimpleHTTPRequestHandler):
    """OHIF's files, with settings of one's own, and what lies below /dicom-web/ of an Orthanc."""

    def __init__(self, *arguments, orthanc: str, **more) -> None:
        self.orthanc = orthanc
        super().__init__(*arguments, **more)

    def end_headers(self) -> None:
        for name, value in (("Opener", "same-origin"), ("Embedder", "require-corp")):
            self.send_header(f"Cross-Origin-{name}-Policy", value)
        super().end_headers()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/dicom-web/"):
            self._answer(*self._of_orthanc())
        elif path == "/app-config.js":
            settings = json.dumps(_SETTINGS | {"dataSources": [_SOURCE]})
            self._answer(200, "text/javascript", f"window.config = {settings};".encode())
        else:
            if not Path(self.directory, path.lstrip("/")).is_file():
                self.path = "/index.html"  # the viewer's own addresses
            super().do_GET()

    def _of_orthanc(self) -> tuple[int, str, bytes]:
        request = urllib.request.Request(
            self.orthanc + self.path, headers={"Accept": self.headers.get("Accept", "*/*")}
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.headers["Content-Type"] or "", answer.read()
        except urllib.error.HTTPError as error:
            return error.code, "text/plain", error.read()

    def _answer(self, code: int, kind: str, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None: ...


@contextmanager
def _served(dist: Path, orthanc: str) -> Iterator[str]:
    handler = partial(_Pages, orthanc=orthanc, directory=str(dist))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def segments_shown(dist: Path, orthanc: str, study_uid: str, picture: Path, slices: int) -> list[str]:
    """The names that OHIF lists, once a person has opened the segmentation of a study over its CT.

    Args:
        dist: folder with OHIF's index.html.
        orthanc: its address.
        picture: the viewer's window, PNG.
        slices: to scroll on from the one that OHIF opens.

    Raises:
        InputError: there is no browser.
        playwright.sync_api.TimeoutError: something of the viewer does not come.
    """
    with _served(dist, orthanc) as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(_WAIT_MS)
        page.goto(f"{address}/viewer?StudyInstanceUIDs={study_uid}")
        series = page.locator(_SERIES, has_text="SEG").first
        series.wait_for()
        page.get_by_text("Confirm and hide").first.wait_for()
        time.sleep(20)  # the tour begins some seconds after the first image
        page.evaluate(_NO_TOUR)
        page.get_by_text("Confirm and hide").first.click()
        series.dblclick()
        page.get_by_role("button", name="Yes", exact=True).first.click()
        page.locator('[data-cy="panelSegmentation-btn"]').first.click()
        page.get_by_text("Segmentations").first.wait_for()
        time.sleep(15)
        box = page.locator('[data-cy="viewport-pane"]').first.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        for _ in range(slices):
            page.mouse.wheel(0, 120)
            time.sleep(0.3)
        time.sleep(10)
        page.screenshot(path=picture)
        listed = page.evaluate("document.body.innerText").partition("Segmentations")[2].splitlines()
    # The segmentation's own name, then number and name of each segment.
    lines = [line for line in listed if line.strip()]
    return [name for number, name in zip(lines[1::2], lines[2::2]) if number.isdigit()]
