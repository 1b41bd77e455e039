"""TensorBoard's dashboards, as a browser shows them.

    python scripts/study.py pictures tensorboard --logdir runs --out docs/images --page images --page mesh

Starts TensorBoard on a free port, lets Chromium without a window open each dashboard, and writes
`tensorboard_<dashboard>.png`. Chromium comes with the system (Debian: apt-get install chromium).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from shared import ROOT

from bundle.common.errors import InputError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Dashboard, what follows in its address, width and height of the window.
PAGES = {
    "scalars": ("?darkMode=false#scalars&_smoothingWeight=0&tagFilter=loss%7Cdice", 1600, 1000),
    "images": ("?darkMode=false#images", 1600, 760),
    "pr_curves": ("?darkMode=false#pr_curves", 1000, 680),
    "mesh": ("?darkMode=false#mesh", 1000, 900),
    "hparams": ("?darkMode=false#hparams", 1600, 320),
    "text": ("?darkMode=false#text", 1000, 640),
}


def find_browser() -> str | None:
    """Path of a Chromium on this machine."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def serving(logdir: Path) -> Iterator[str]:
    """TensorBoard on `logdir`; yields its address once it answers.

    Raises:
        InputError: it ended, or did not answer within two minutes.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}/"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir), "--host", "127.0.0.1"]
    command += ["--port", address.rstrip("/").rsplit(":", 1)[1], "--samples_per_plugin", "images=1000"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not _has_runs(address):
            if server.poll() is not None or time.monotonic() > deadline:
                raise InputError(f"TensorBoard did not find a run in {logdir}")
            time.sleep(0.5)
        time.sleep(3.0)  # until every event of the runs is read
        yield address
    finally:
        server.terminate()
        server.wait()


def _has_runs(address: str) -> bool:
    try:
        with urllib.request.urlopen(address + "data/runs", timeout=10) as answer:
            return answer.read().strip() not in (b"", b"[]")
    except (urllib.error.URLError, ConnectionError):
        return False


def picture(browser: str, address: str, path: Path, width: int, height: int) -> None:
    """A PNG of the page at `address`, WebGL drawn in software, after its scripts had 20 s of their time."""
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, "--headless=new", "--hide-scrollbars", f"--user-data-dir={profile}"]
        command += ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--force-device-scale-factor=1"]
        command += [f"--window-size={width},{height}", "--virtual-time-budget=20000", f"--screenshot={path}"]
        if os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium refuses to start as root with it
        done = subprocess.run([*command, address], capture_output=True, text=True, timeout=180)
    if done.returncode or not path.is_file():
        raise RuntimeError(f"{browser} made no picture of {address}: {done.stderr.strip()[-300:]}")


Page = Enum("Page", {page: page for page in PAGES}, type=str)


def main(
    logdir: Annotated[Path, typer.Option(help="folder of runs")] = Path("runs"),
    out: Path = ROOT / "docs" / "images",
    page: Annotated[list[Page] | None, typer.Option(help="by default all")] = None,
) -> None:
    """Take the pictures."""
    browser = find_browser()
    if browser is None:
        raise typer.BadParameter(
            f"no browser: none of {', '.join(BROWSERS)} is installed (Debian: apt-get install chromium)"
        )
    out.mkdir(parents=True, exist_ok=True)
    with serving(logdir) as address:
        for name in [chosen.value for chosen in page or Page]:
            place, width, height = PAGES[name]
            path = out.resolve() / f"tensorboard_{name}.png"
            picture(browser, address + place, path, width, height)
            print(path)
