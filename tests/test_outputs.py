"""The demo's files and a tiny training's weights are those of stored digests, to the last bit."""

import json
from pathlib import Path

import compare_outputs
import pytest


@pytest.mark.slow
def test_the_outputs_are_those_on_record(tmp_path):
    recorded = json.loads((Path(__file__).parent / "outputs.json").read_text())
    if not compare_outputs.comparable(recorded):
        pytest.skip(f"recorded on {recorded['machine']}: last bits differ between machines")
    assert compare_outputs.differences(recorded["digests"], compare_outputs.outputs(tmp_path)) == []


def test_a_file_that_is_missing_new_or_changed_is_named():
    recorded, found = {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"}
    assert compare_outputs.differences(recorded, found) == ["missing: c", "new: d", "changed: b"]
