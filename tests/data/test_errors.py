"""A person sees one sentence for bad input, and a traceback for a fault of the program."""

import subprocess
import sys

import pytest

from bundle.common.errors import InputError, find_input_error

PROGRAM = """
import bundle.common.errors
from bundle.common.errors import InputError
bundle.common.errors.plain_errors()
bundle.common.errors.plain_errors()
{body}
"""


def run(body):
    return subprocess.run([sys.executable, "-c", PROGRAM.format(body=body)], capture_output=True, text=True)


WRAPPED = """
try:
    raise InputError("'a.nii.gz' is empty: copy it again")
except InputError as error:
    raise RuntimeError("applying transform LoadCTAd") from error
"""


@pytest.mark.parametrize("body", ["raise InputError(\"'a.nii.gz' is empty: copy it again\")", WRAPPED])
def test_bad_input_is_one_line_and_exit_code_2(body):
    done = run(body)
    assert done.returncode == 2
    assert done.stderr == "error: 'a.nii.gz' is empty: copy it again\n"
    assert done.stdout == ""


def test_cases_that_failed_are_exit_code_1():
    done = run("raise bundle.common.errors.RunFailed('1 of 2 cases failed')")
    assert (done.returncode, done.stderr) == (1, "error: 1 of 2 cases failed\n")


def test_a_fault_of_the_program_is_one_line_and_its_traceback_goes_to_the_log(tmp_path):
    log = f"import logging; logging.getLogger().addHandler(logging.FileHandler({str(tmp_path / 'log')!r}))\n"
    done = run(
        log + "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError('in a wrapper') from e"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ZeroDivisionError: division by zero (<string>, line ")
    assert len(done.stderr.splitlines()) == 1 and "--traceback true" in done.stderr
    assert "RuntimeError: in a wrapper" in (tmp_path / "log").read_text()


def test_a_traceback_is_shown_before_the_line_when_it_is_asked_for():
    done = run("bundle.common.errors.plain_errors(traceback=True)\nraise InputError('a sentence')")
    assert done.returncode == 2
    assert "Traceback" in done.stderr and done.stderr.splitlines()[-1] == "error: a sentence"


def test_a_stop_by_the_keyboard_is_one_line():
    done = run("raise KeyboardInterrupt")
    assert (done.returncode, done.stderr) == (130, "error: stopped by Ctrl+C.\n")


def test_the_sentence_is_found_below_two_wrappers():
    inner = InputError("sentence")
    middle, outer = RuntimeError("middle"), RuntimeError("outer")
    middle.__cause__, outer.__context__ = inner, middle
    assert find_input_error(outer) is inner
    inner.__context__ = outer  # a loop ends
    assert find_input_error(outer) is inner
    assert find_input_error(ValueError("other")) is None
