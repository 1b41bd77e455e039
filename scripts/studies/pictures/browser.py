"""Chromium without a window, driven by Playwright: what a page shows, says and asks for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bundle.common.errors import InputError

__all__ = ["Opened", "chromium", "find_browser", "opened", "why_no_browser"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
)  # fmt: skip


def find_browser() -> str | None:
    """Path of a Chromium on this machine."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def why_no_browser() -> str | None:
    """A sentence, where pages cannot be opened here."""
    if find_browser() is None:
        return f"none of {', '.join(BROWSERS)} is installed (Debian: apt-get install chromium)"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "Playwright is not installed (pip install playwright)"
    return None


@contextmanager
def chromium() -> Iterator:
    """A Playwright `Browser` with a profile of its own, WebGL drawn in software.

    Raises:
        InputError: there is none on this machine.
    """
    if why_no_browser() is not None:
        raise InputError(f"no browser: {why_no_browser()}.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page that is drawn. asked: addresses that it asked for. errors: of the console and its scripts."""

    page: object
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def opened(
    browser, file: Path, width: int = 1280, height: int = 800, scheme: str = "light"
) -> Iterator[Opened]:
    """Open one of the bundle's pages from the disk, in a window of this size, "light" or "dark"."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    result = Opened(context.new_page())
    result.page.on("request", lambda request: result.asked.append(request.url))
    result.page.on("pageerror", lambda error: result.errors.append(str(error)))
    result.page.on("console", lambda line: result.errors.append(line.text) if line.type == "error" else None)
    result.page.goto(file.resolve().as_uri())
    result.page.wait_for_selector("html[data-ready]", state="attached")
    result.page.wait_for_timeout(300)  # sizes settle, and what they draw
    yield result
    context.close()
