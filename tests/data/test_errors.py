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


def test_other_exceptions_keep_their_traceback():
    done = run("raise RuntimeError('a fault of the program')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "a fault of the program" in done.stderr
    assert "error:" not in done.stderr.lower().replace("runtimeerror:", "")


def test_the_sentence_is_found_below_two_wrappers():
    inner = InputError("sentence")
    middle, outer = RuntimeError("middle"), RuntimeError("outer")
    middle.__cause__, outer.__context__ = inner, middle
    assert find_input_error(outer) is inner
    inner.__context__ = outer  # a loop ends
    assert find_input_error(outer) is inner
    assert find_input_error(ValueError("other")) is None
