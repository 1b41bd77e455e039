"""TensorBoard's dashboards, as a browser shows them.

    python scripts/study.py pictures tensorboard --logdir runs --out docs/images --page images --page mesh

Starts TensorBoard on a free port, lets Chromium without a window open each dashboard, and writes
`tensorboard_<dashboard>.png`. Chromium comes with the system (Debian: apt-get install chromium).
"""

import os
import subprocess
import tempfile
import time
import urllib.request
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from shared import ROOT
from tensorboard.program import TensorBoard

from bundle.common.errors import InputError

from .browser import BROWSERS, find_browser

# Dashboard, what follows in its address, width and height of the window.
PAGES = {
    "scalars": ("?darkMode=false#scalars&_smoothingWeight=0&tagFilter=loss%7Cdice", 1600, 1000),
    "images": ("?darkMode=false#images", 1600, 760),
    "pr_curves": ("?darkMode=false#pr_curves", 1000, 680),
    "mesh": ("?darkMode=false#mesh", 1000, 900),
    "hparams": ("?darkMode=false#hparams", 1600, 320),
    "text": ("?darkMode=false#text", 1000, 640),
}


def serve(logdir: Path) -> str:
    """Address of a TensorBoard on `logdir`, in a thread of this process, once it has found a run.

    Raises:
        InputError: it found none within two minutes.
    """
    server = TensorBoard()
    words = ["--host", "127.0.0.1", "--port", "0", "--samples_per_plugin", "images=1000"]
    server.configure(["tensorboard", "--logdir", str(logdir), *words])
    address = server.launch()
    deadline = time.monotonic() + 120
    while not _has_runs(address):
        if time.monotonic() > deadline:
            raise InputError(f"TensorBoard did not find a run in {logdir}")
        time.sleep(0.5)
    time.sleep(3.0)  # until every event of the runs is read
    return address


def _has_runs(address: str) -> bool:
    with urllib.request.urlopen(address + "data/runs", timeout=10) as answer:
        return answer.read().strip() not in (b"", b"[]")


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
    browser = find_browser()
    if browser is None:
        raise typer.BadParameter(
            f"no browser: none of {', '.join(BROWSERS)} is installed (Debian: apt-get install chromium)"
        )
    out.mkdir(parents=True, exist_ok=True)
    address = serve(logdir)
    for name in [chosen.value for chosen in page or Page]:
        place, width, height = PAGES[name]
        path = out.resolve() / f"tensorboard_{name}.png"
        picture(browser, address + place, path, width, height)
        print(path)
