"""What a person gets who clones the repository: requirements, links, figures, the demo's words."""

from __future__ import annotations

import ast
import json
import re
import sys
import types
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from bundle.networks.resunet3d import ResUNet3D
from bundle.networks.weights import load_weights

ROOT = Path(__file__).resolve().parents[1]
STAGES = json.loads((ROOT / "models" / "training_card.json").read_text())["stages"]


# Scripts that measure other programs, in an environment that has them.
WITH_OTHERS = {"slicer_reads.py": {"slicer"}, "nnunet.py": {"nnunetv2"}}


def name_of(requirement):
    return re.sub(r"[-_.]+", "-", requirement).lower()


def required(extras=()):
    """Requirements of the project itself, read without a TOML parser: Python 3.10 has none."""
    text = re.sub(r"#.*", "", (ROOT / "pyproject.toml").read_text())
    lists = {"dependencies": r"^dependencies = \[(.*?)^\]", **{e: rf"^{e} = \[(.*?)\]$" for e in extras}}
    found = [re.search(pattern, text, re.MULTILINE | re.DOTALL).group(1) for pattern in lists.values()]
    return [Requirement(r) for part in found for r in re.findall(r'"([^"]+)"', part)]


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_every_requirement_has_one_pin_that_satisfies_it(python):
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = {}
    for pin in map(Requirement, lines):
        if pin.marker is None or pin.marker.evaluate({"python_version": python}):
            assert pins.setdefault(name_of(pin.name), pin) is pin, f"{pin.name} is pinned twice"
    for need in required(("cluster", "s3", "test")):
        (version,) = (s.version for s in pins[name_of(need.name)].specifier)
        assert need.specifier.contains(version), f"{need} is pinned to {version}"


@pytest.mark.parametrize("folder", ["bundle", "scripts"])
def test_code_imports_only_what_the_project_requires(folder):
    provides = packages_distributions()
    # scripts measure the bundle, as its tests do; the rest is asked for only when used
    extras = ("mesher", "openvino", "onnx", "cluster", "s3", *(["test"] if folder == "scripts" else []))
    declared = {name_of(need.name) for need in required(extras)}
    declared |= {"vtk", "pillow", "itk-core", "triton"}  # parts of PyVista, of ITK and of PyTorch for CUDA
    own = {"bundle"} | {path.stem for path in (ROOT / "scripts").iterdir()}
    label = {name_of(line.split("==")[0]) for line in (ROOT / "constraints-label.txt").open() if "==" in line}
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module]
            for module in {m.split(".")[0] for m in modules} - set(sys.stdlib_module_names) - own:
                made_by = {name_of(d) for d in provides.get(module, [module])}
                allowed = declared | label if path.is_relative_to(ROOT / "bundle" / "label") else declared
                allowed = allowed | WITH_OTHERS.get(path.name, set())
                assert made_by & allowed, f"{path.relative_to(ROOT)} imports {module}"


PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_the_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not target.startswith(("http", "#")):
            assert (page.parent / target.split("#")[0]).exists(), target


def figures_on_the_scans_grid() -> dict[str, list[str]]:
    """The rows of docs/results/accuracy.md on the scan's own grid: metric to mean, sd, median, min, max."""
    page = (ROOT / "docs" / "results" / "accuracy.md").read_text()
    own_grid = page.partition("On the scan's own grid:")[2].partition("At the network's grid")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in own_grid.splitlines()]
    return {row[0]: row[1:] for row in rows if len(row) == 6 and row[0] and set(row[0]) != {"-"}}


def test_model_card_leads_with_the_figures_on_the_scans_grid():
    card = (ROOT / "docs" / "README.md").read_text().partition("## Performance")[2]
    measured = figures_on_the_scans_grid()
    assert {"Dice", "clDice", "HD95, mm"} <= set(measured)
    places = [card.index(f"| {name} | {' | '.join(cells)} |") for name, cells in measured.items()]
    assert max(places) < card.index("At the network's own grid")


def test_model_card_states_the_figures_of_the_weights():
    page = (ROOT / "docs" / "README.md").read_text()
    for key, name in (("dice", "Dice"), ("cldice", "clDice")):
        figures = STAGES[-1]["test_at_network_grid"][key]
        row = "| {} | {mean:.3f} ± {sd:.3f} | {median:.3f} | {min:.3f} |".format(name, **figures)
        assert row in page.partition("At the network's own grid")[2]
    assert f"{STAGES[-1]['data']['test']['phantoms']} test phantoms" in page
    assert all(f"| {stage['steps']:,} ({stage['epochs']}) |" in page for stage in STAGES)


def test_metadata_states_both_figures_and_means_the_scans_grid_where_it_does_not_say():
    stated = json.loads((ROOT / "configs" / "metadata.json").read_text())["eval_metrics"]
    measured, at_grid = figures_on_the_scans_grid(), STAGES[-1]["test_at_network_grid"]
    names = {"mean_dice": "Dice", "mean_cldice": "clDice", "mean_hd95_mm": "HD95, mm"}
    wanted = {key: round(float(measured[name][0]), 3) for key, name in names.items()}
    wanted |= {f"network_grid_mean_{key}": round(at_grid[key]["mean"], 3) for key in ("dice", "cldice")}
    assert stated == wanted


def test_shipped_weights_fit_the_default_network():
    network = ResUNet3D()
    load_weights(network, ROOT / "models" / "model.pt")
    assert sum(p.numel() for p in network.parameters()) == STAGES[-1]["parameters"]


def test_a_failing_demo_names_its_log(tmp_path, monkeypatch):
    import demo

    def run(command, stdout, **_):
        stdout.write("loading\nerror: the scan is empty\n")
        return types.SimpleNamespace(returncode=1)

    for name, path in (("ROOT", tmp_path), ("OUT", tmp_path), ("LOG", tmp_path / "demo.log")):
        monkeypatch.setattr(demo, name, path)
    monkeypatch.setattr(demo.subprocess, "run", run)
    with pytest.raises(SystemExit, match=r"the scan is empty.*demo\.log"):
        demo.inference(tmp_path / "scan.nii.gz")
