"""`coronary doctor`: what is at fault is a line with its cure, and exit code 1."""

from __future__ import annotations

import json

import pytest
from small_run import ROOT
from typed import coronary

from bundle.command import doctor
from bundle.networks import ENGINES


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A bundle's root whose files a test may harm: the configs, and links to the weights."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    (tmp_path / "models").mkdir()
    for file in (ROOT / "models").glob("*.pt"):
        (tmp_path / "models" / file.name).symlink_to(file)
    monkeypatch.setattr(doctor, "bundle_root", lambda: tmp_path)
    return tmp_path


def lines(answer) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in answer.out.splitlines():
        found.setdefault(line.split()[0], []).append(line)
    return found


def test_a_whole_installation_has_no_fault(root, monkeypatch):
    answer = coronary(monkeypatch, "doctor", "--quick")
    assert answer.code == 0 and "fault" not in lines(answer) and answer.err == ""
    for what in ("coronary", "configs", "packages", "CPU", "model.pt", "native_checkpoint.pt"):
        assert any(line.split()[1] == what for line in lines(answer)["ok"]), what


def test_openvino_is_advised_where_it_is_not(root, monkeypatch):
    for packages, state, said in (
        (("no_such_package",), "note", "pip install no_such_package"),
        (("numpy",), "ok", "runs the network on a CPU"),
    ):
        monkeypatch.setitem(ENGINES, "openvino", ENGINES["openvino"]._replace(packages=packages))
        (finding,) = doctor._runtimes()
        assert (finding.state, finding.what) == (state, "OpenVINO") and said in finding.found


def test_weights_that_are_cut_off_are_a_fault(root, monkeypatch):
    weights = root / "models" / "model.pt"
    content = weights.read_bytes()
    weights.unlink()
    weights.write_bytes(content[:100_000])
    answer = coronary(monkeypatch, "doctor", "--quick")
    (line,) = lines(answer)["fault"]
    assert answer.code == 1 and "model.pt" in line and "The cure:" in line
    assert answer.last == "error: one thing has to be cured before scans can be segmented, see above."
    answer = coronary(monkeypatch, "doctor", "--quick", "--json")
    (fault,) = [finding for finding in json.loads(answer.out) if finding["state"] == "fault"]
    assert answer.code == 1 and fault["what"] == "model.pt" and "The cure:" in fault["found"]


def test_a_package_that_is_missing_is_named_with_its_command(root, monkeypatch):
    stated = json.loads((root / "configs" / "metadata.json").read_text())
    stated["required_packages_version"]["no-such-package"] = "1.2"
    (root / "configs").unlink()
    (root / "configs").mkdir()
    for file in (ROOT / "configs").iterdir():
        (root / "configs" / file.name).symlink_to(file)
    (root / "configs" / "metadata.json").unlink()
    (root / "configs" / "metadata.json").write_text(json.dumps(stated))
    answer = coronary(monkeypatch, "doctor", "--quick")
    assert answer.code == 1 and "pip install no-such-package==1.2" in "".join(lines(answer)["fault"])


def test_a_machine_that_cannot_draw_can_still_segment(root, monkeypatch):
    sentence = "no pictures: VTK finds no OpenGL library on this machine; install libosmesa6"
    monkeypatch.setattr("bundle.geometry.render.why_no_pictures", lambda: sentence)
    answer = coronary(monkeypatch, "doctor", "--quick")
    assert answer.code == 0 and any(sentence in line for line in lines(answer)["note"])


@pytest.mark.slow
def test_a_run_that_dies_is_a_fault_with_its_last_line(root, monkeypatch):
    monkeypatch.setattr(doctor, "_checks", lambda quick: [doctor._tiny_run])
    monkeypatch.setattr(doctor, "_ARGUMENTS", ["--device", "gpu"])
    answer = coronary(monkeypatch, "doctor")
    (line,) = lines(answer)["fault"]
    assert answer.code == 1 and "ended with 2: error: device is 'gpu'" in line
