"""The folder of a training run."""

import json

import pytest
from monai.bundle import ConfigParser

from bundle.common.errors import InputError
from bundle.handlers.training.prepare import prepare_run


def test_the_config_in_use_is_written_with_what_the_command_line_changed(tmp_path):
    config = {"imports": ["$from bundle.handlers.training.prepare import prepare_run"], "rate": 1}
    config["output_dir"] = str(tmp_path / "run")
    parser = ConfigParser(config | {"start": "$prepare_run(@output_dir)"})
    parser.update({"rate": 2})
    parser.get_parsed_content("imports")
    parser.get_parsed_content("start")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["rate"] == 2


def test_a_folder_without_a_checkpoint_is_used_as_it_is(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    prepare_run(tmp_path)
    assert (tmp_path / "notes.txt").is_file()


def test_an_older_run_is_kept_under_another_name_each_time(tmp_path):
    for _ in range(3):
        prepare_run(tmp_path / "run")
        (tmp_path / "run" / "checkpoint_last.pt").write_bytes(b"weights")
    assert len(list(tmp_path.glob("run-*/checkpoint_last.pt"))) == 2


def test_resuming_clears_what_a_kill_left_half_written(tmp_path):
    (tmp_path / "checkpoint_last.pt").write_bytes(b"whole")
    (tmp_path / ".unfinished-17-checkpoint_last.pt").write_bytes(b"ha")
    prepare_run(tmp_path, resume="true")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint_last.pt"]


def test_resuming_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match="nothing to resume"):
        prepare_run(tmp_path / "never", resume=True)
