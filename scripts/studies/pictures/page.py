"""The pages of a run, as a browser shows them.

    python scripts/study.py pictures page --results eval/demo --case 1 --out docs/images

Writes `page_light.png`, `page_dark.png`, `page_phone.png` and `page_cohort.png` of pages that a run or
`coronary report` made.
"""

import io
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from shared import ROOT

from bundle.common.errors import InputError
from bundle.report import INDEX, page_name

from .browser import chromium, opened

MOST_BYTES = 300_000


def picture(shown: bytes, path: Path) -> None:
    """A PNG; where it has more than `MOST_BYTES`, of 256 colours, spread over all that there are."""
    image = Image.open(io.BytesIO(shown)).convert("RGB")
    image.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        few = image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
    print(path)


def main(
    results: Annotated[Path, typer.Option(help="folder of results")] = ROOT / "eval" / "demo",
    case: Annotated[str, typer.Option(help="that is shown")] = "1",
    cohort: Annotated[Path | None, typer.Option(help="another folder, for the cohort's page")] = None,
    out: Path = ROOT / "docs" / "images",
) -> None:
    page, index = results / case / page_name(case), (cohort or results) / INDEX
    missing = [path for path in (page, index) if not path.is_file()]
    if missing:
        raise InputError(f"'{missing[0]}' is not there; `coronary report` makes the pages of a folder.")
    out.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for name in ("light", "dark"):
            with opened(browser, page, 1280, 800, name) as shown:
                if name == "dark":  # further down, what the light one does not show
                    shown.page.evaluate("document.querySelector('#look').scrollIntoView()")
                    shown.page.wait_for_timeout(500)
                picture(shown.page.screenshot(), out / f"page_{name}.png")
        with opened(browser, page, 390, 844) as shown:
            shown.page.evaluate("document.querySelector('#look').scrollIntoView()")
            shown.page.wait_for_timeout(500)
            picture(shown.page.screenshot(), out / "page_phone.png")
        with opened(browser, index, 1280, 520) as shown:
            picture(shown.page.screenshot(), out / "page_cohort.png")
