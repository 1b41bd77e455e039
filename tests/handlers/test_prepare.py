"""The folder of a training run."""

import json

import pytest
from monai.bundle import ConfigParser

from bundle.common.errors import InputError
from bundle.handlers.training.prepare import RunFolder, check_run


def test_the_config_in_use_is_written_with_what_the_command_line_changed(tmp_path):
    folder = {"_target_": "bundle.handlers.training.RunFolder", "output_dir": str(tmp_path / "run")}
    parser = ConfigParser({"rate": 1, "folder": folder})
    parser.update({"rate": 2})
    parser.get_parsed_content("folder").prepare()
    assert json.loads((tmp_path / "run" / "config.json").read_text())["rate"] == 2


def test_a_folder_without_a_checkpoint_is_used_as_it_is(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    RunFolder(tmp_path).prepare()
    assert (tmp_path / "notes.txt").is_file()


def test_an_older_run_is_kept_under_another_name_each_time(tmp_path):
    for _ in range(3):
        RunFolder(tmp_path / "run").prepare()
        (tmp_path / "run" / "checkpoint_last.pt").write_bytes(b"weights")
    assert len(list(tmp_path.glob("run-*/checkpoint_last.pt"))) == 2


def test_resuming_clears_what_a_kill_left_half_written(tmp_path):
    (tmp_path / "checkpoint_last.pt").write_bytes(b"whole")
    (tmp_path / ".unfinished-17-checkpoint_last.pt").write_bytes(b"ha")
    RunFolder(tmp_path, resume="true").prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint_last.pt"]


def test_resuming_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match="nothing to resume"):
        check_run(tmp_path / "never", resume=True)


def test_a_trainer_that_is_run_again_keeps_its_folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    for _ in range(2):
        folder.prepare()
        (tmp_path / "run" / "checkpoint_last.pt").write_bytes(b"weights")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_checking_touches_nothing(tmp_path):
    check_run(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
