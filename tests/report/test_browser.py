"""The pages in headless Chromium, as a person uses them."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from page_case import page_case, upright
from PIL import Image
from studies.pictures.browser import chromium, opened, why_no_browser

from bundle.report import write_index

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(why_no_browser() is not None, reason=str(why_no_browser())),
]
CASE = "<script>document.title='run'&x"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder with a case whose name and warning try to run a script, and its index."""
    root = tmp_path_factory.mktemp("results")
    report, _ = page_case(root / CASE, CASE)
    (root / CASE / f"{CASE}.json").write_text(json.dumps(report, default=float))
    (root / "summary.csv").write_text("case,status,reason\nbroken,failed,it is <b>empty</b>\n")
    write_index(root)
    return root


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def case(browser, results):
    with opened(browser, results / CASE / f"{CASE}.html") as shown:
        yield shown
        assert shown.errors == []
        assert [address.split(":")[0] for address in shown.asked] == ["file"]  # the page itself


def pixels(locator):
    """RGB (H, W, 3), without a frame of 6 pixels, where a focused element has its outline."""
    shown = np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)
    return shown[6:-6, 6:-6]


def differ(a, b):
    """Share of the pixels that are not the same."""
    return (np.abs(a - b).max(axis=-1) > 24).mean()


def test_no_text_of_a_case_runs(case):
    assert case.page.title().startswith(CASE)
    assert case.page.inner_text("h1") == CASE
    assert "</script>" in case.page.inner_text("#warnings")


def test_the_vessels_are_drawn_and_turn_with_keys_and_mouse(case):
    stage = case.page.locator("#stage")
    first = pixels(stage)
    background = first[4, 4]
    assert (np.abs(first - background).max(axis=-1) > 24).mean() > 0.02
    stage.focus()
    for _ in range(5):
        case.page.keyboard.press("ArrowRight")
    case.page.wait_for_timeout(200)
    turned = pixels(stage)
    assert differ(first, turned) > 0.01
    box = stage.bounding_box()
    case.page.mouse.move(box["x"] + 60, box["y"] + 60)
    case.page.mouse.down()
    case.page.mouse.move(box["x"] + 200, box["y"] + 90, steps=4)
    case.page.mouse.up()
    case.page.wait_for_timeout(200)
    assert differ(turned, pixels(stage)) > 0.01
    case.page.keyboard.press("Home")
    case.page.wait_for_timeout(200)
    assert differ(first, pixels(stage)) < 0.002


@pytest.mark.parametrize("width", [390, 1280])
def test_no_side_cuts_a_long_vessel_off(browser, tmp_path, width):
    page_case(tmp_path, "long", with_ct=False, distance=upright)
    rows_with_vessel = """() => {
      const shown = document.querySelector("#stage canvas"), copy = document.createElement("canvas");
      [copy.width, copy.height] = [shown.width, shown.height];
      copy.getContext("2d").drawImage(shown, 0, 0);
      const { data } = copy.getContext("2d").getImageData(0, 0, copy.width, copy.height);
      const rows = Array.from({ length: copy.height }, (_, y) =>
        data.subarray(4 * copy.width * y, 4 * copy.width * (y + 1)).some((v, i) => i % 4 === 3 && v > 0));
      return [rows.indexOf(true), copy.height - 1 - rows.lastIndexOf(true), copy.height];
    }"""
    with opened(browser, tmp_path / "long.html", width, 844) as shown:
        for side in ("Front", "Left", "Back", "Right"):
            shown.page.get_by_role("button", name=side, exact=True).click()
            shown.page.wait_for_timeout(200)
            above, below, height = shown.page.evaluate(rows_with_vessel)
            assert min(above, below) > 0.02 * height, side
            assert above + below < 0.35 * height, "it fills the view"


def test_colours_change_the_vessels_and_the_legend(case):
    seen = {}
    for name in ("Diameter", "Confidence", "Branch"):
        case.page.locator("#colours label", has_text=name).click()
        case.page.wait_for_timeout(200)
        seen[name] = pixels(case.page.locator("#stage")), case.page.inner_text("#legend")
    assert differ(seen["Diameter"][0], seen["Branch"][0]) > 0.005
    assert "mm" in seen["Diameter"][1] and "Confidence" in seen["Confidence"][1]
    assert "narrowing" in seen["Branch"][1]


def place(page):
    return [
        float(word)
        for word in page.inner_text(".planes output").split(" at ")[1].removesuffix(" mm").split(",")
    ]


def test_a_narrowing_s_row_takes_all_views_there(case):
    row = json.loads(case.page.text_content("#data"))["report"]["stenoses"][0]
    case.page.locator("#branch label").last.click()
    case.page.evaluate("document.querySelectorAll('.planes input')[0].value = 0")
    case.page.locator("#tables table").first.locator("tbody button").first.click()
    case.page.wait_for_timeout(400)
    assert place(case.page) == pytest.approx([row[f"{axis}_lps_mm"] for axis in "xyz"], abs=0.6)
    chosen = case.page.evaluate("document.querySelector('#branch input:checked').value")
    assert int(chosen) == row["branch_id"]
    assert case.page.locator("tr[aria-current]").count() == 1
    assert case.page.evaluate("document.querySelector('svg .cursor').getAttribute('visibility')") == "visible"


def test_the_slices_show_the_vessel_bright_inside_its_contour_and_scroll(case):
    figure = case.page.locator(".planes figure").first
    assert " / " in figure.inner_text()
    first = pixels(figure)
    pink = (first[..., 0] > 200) & (first[..., 1] < 150) & (first[..., 2] > 120)
    assert pink.sum() > 20
    figure.hover()
    case.page.mouse.wheel(0, 100)
    case.page.wait_for_timeout(150)
    assert differ(first, pixels(figure)) > 0.01
    case.page.locator("#contour").uncheck()
    case.page.locator("#window").select_option(index=2)
    case.page.wait_for_timeout(150)
    plain = pixels(figure)
    pink = (plain[..., 0] > 230) & (plain[..., 1] < 110) & (plain[..., 2] > 150)
    assert pink.sum() == 0


def test_a_click_on_a_slice_moves_the_others(case):
    before = place(case.page)
    box = case.page.locator(".planes figure canvas").first.bounding_box()
    case.page.mouse.click(box["x"] + box["width"] / 2 + 40, box["y"] + box["height"] / 2 - 30)
    after = place(case.page)
    assert (
        after[2] == before[2] and after[0] > before[0] and after[1] < before[1]
    )  # to the left and the front


def test_a_branch_has_its_diameter_and_the_ct_along_it(case):
    for number in range(case.page.locator("#branch label").count()):
        case.page.locator("#branch label").nth(number).click()
        case.page.wait_for_timeout(200)
        assert case.page.locator("#lengthwise svg path.diameter").count() == 1
        cuts = case.page.locator("#lengthwise canvas")
        assert cuts.count() == 3
        assert all(np.ptp(pixels(cuts.nth(i))) > 100 for i in range(3))


def test_tables_sort_both_ways(case):
    table = case.page.locator("#tables table", has_text="Taper")
    head = table.locator("th", has_text="Length")
    cells = table.locator("tbody td:nth-child(3)")
    for direction in ("descending", "ascending"):
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == direction
        shown = [float(text) for text in cells.all_inner_texts()]
        assert len(shown) > 1 and shown == sorted(shown, reverse=direction == "descending")


def test_everything_is_reached_by_tab_and_has_a_name(case):
    names = set()
    for _ in range(60):
        case.page.keyboard.press("Tab")
        names.add(
            case.page.evaluate(
                "document.activeElement.id || document.activeElement.name || document.activeElement.tagName"
            )
        )
    assert {"theme", "stage", "window", "zoom", "contour", "colour", "branch", "A", "BUTTON"} <= names
    unnamed = case.page.evaluate(
        "[...document.querySelectorAll('button, select, input, canvas, svg')]"
        ".filter(e => !e.closest('[aria-hidden]') && !e.getAttribute('aria-label'))"
        ".filter(e => !e.textContent.trim() && !(e.labels && e.labels.length)).length"
    )
    assert unnamed == 0
    assert case.page.locator("table:not(:has(caption))").count() == 0


def test_dark_and_light_switch(case):
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = case.page.evaluate(background)
    case.page.locator("#theme").click()
    assert case.page.evaluate(background) != light
    case.page.locator("#theme").click()
    assert case.page.evaluate(background) == light


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_stands_out_of_the_window(browser, results, width):
    for file in (results / CASE / f"{CASE}.html", results / "index.html"):
        with opened(browser, file, width=width) as shown:
            assert shown.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_index_lists_links_sorts_and_filters(browser, results):
    with opened(browser, results / "index.html") as shown:
        page = shown.page
        first = page.locator("tbody tr").first
        assert "broken" in first.inner_text() and "it is <b>empty</b>" in first.inner_text()
        page.locator("th", has_text="Lumen").locator("button").click()
        assert CASE in page.locator("tbody tr").first.inner_text()
        page.locator("#status").select_option("failed")
        assert page.locator("tbody tr:visible").count() == 1
        page.locator("#status").select_option("")
        page.locator("#find").fill("script")
        assert page.locator("tbody tr:visible").count() == 1
        assert (
            page.locator("tbody tr:visible img").evaluate(
                "image => image.decode().then(() => image.naturalWidth)"
            )
            > 50
        )
        page.locator("tbody tr:visible a").click()
        page.wait_for_selector("html[data-ready]", state="attached")
        assert page.inner_text("h1") == CASE and shown.errors == []


def test_further_rows_come_as_the_reader_comes_to_them(browser, tmp_path):
    lines = "".join(f"case_{number:03d},failed,it is empty\n" for number in range(300))
    (tmp_path / "summary.csv").write_text(f"case,status,reason\n{lines}")
    write_index(tmp_path)
    with opened(browser, tmp_path / "index.html") as shown:
        rows = shown.page.locator("tbody tr")
        assert rows.count() < 200
        for _ in range(8):
            shown.page.mouse.wheel(0, 4000)
            shown.page.wait_for_timeout(150)
        assert rows.count() == 300
        shown.page.locator("th", has_text="Case").locator("button").click()
        assert rows.count() < 200 and rows.first.inner_text().startswith("case_000")


def test_numbers_are_rounded_as_the_findings_round_them(case):
    for digits in (0, 1, 2):
        values = [62.5, 63.5, 0.125, 0.375, 2.675, 1.25, 0.75, 37.05, 1e-3, 0.0, -2.5, 1368.32]
        shown = case.page.evaluate(f"values => values.map(value => fixed(value, {digits}))", values)
        assert shown == [f"{value:.{digits}f}" for value in values]
