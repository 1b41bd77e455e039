"""The program: its commands, `--version`, and how it ends."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from typer.core import TyperGroup

import bundle
from bundle.common.errors import end_program, show_tracebacks

from .plain import PLAIN, with_examples

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "segment": ("segment_scans", "Segment CT angiograms: mask, meshes, centreline and measurements."),
    "series": ("list_dicom", "List the series in DICOM, and which would be segmented."),
    "reconstruct": ("reconstruct_masks", "Meshes, centreline and measurements from masks of any tool."),
    "report": ("report_results", "Make the pages of finished cases, and the page of all of them."),
    "register": ("register_scans", "Compare the vessels of two scans of one person."),
    "dicom": ("write_case_objects", "DICOM segmentation, measurements and surface of a finished case."),
    "evaluate": ("evaluate_weights", "Measure the segmentation on labelled scans."),
    "train": ("train_network", "Train on labelled scans."),
    "phantoms": ("make_phantoms", "Make synthetic CT angiograms."),
    "doctor": ("examine", "Check this installation: a line for each thing, with the cure."),
}
"""Name to the function, in the module of that name, and what the list of commands says of it."""

ABOUT = """
From coronary CT angiograms to segmented, measured vessels. For research use only.

  coronary segment scan.nii.gz --out results    # one scan
  coronary segment scans --out results          # a folder of scans
  coronary segment --help                       # what else a command takes
  coronary doctor                               # what is installed, and what is missing

Scans are DICOM, NIfTI, NRRD or MHA, in Hounsfield units. Exit codes: 0 all is done; 1 a case failed, or the
program did; 2 a mistake in what was typed, named in the last line; 130 stopped by Ctrl+C.
"""


def _with_traceback(function: Callable) -> Callable:
    """A command that also takes ``--traceback``."""

    @functools.wraps(function)
    def command(*, traceback: bool, **options):
        show_tracebacks(traceback)
        try:
            return function(**options)
        except KeyboardInterrupt as error:  # which Typer would answer in its own words
            end_program(error)

    option = typer.Option("--traceback", help="of an error, show where in the program it was")
    own = inspect.signature(function, eval_str=True)
    added = inspect.Parameter(
        "traceback", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, option]
    )
    command.__signature__ = own.replace(parameters=[*own.parameters.values(), added])
    command.__annotations__ = {name: p.annotation for name, p in command.__signature__.parameters.items()}
    return command


def _loaded(name: str):
    """The command of that name, with its options; this imports what it needs for its help."""
    module = importlib.import_module(f"{__package__}.{name}")
    app = typer.Typer(**PLAIN, add_completion=False)
    function = getattr(module, COMMANDS[name][0])
    app.command(name, help=with_examples(module.__doc__))(_with_traceback(function))
    return typer.main.get_command(app)


class _Commands(TyperGroup):
    """Loads the one command that is called: of the others its line in the list is enough."""

    def resolve_command(self, ctx, args):
        name, _, rest = super().resolve_command(ctx, args)
        return name, _loaded(name), rest


def _version(asked: bool) -> None:
    if asked:
        print(f"coronary {bundle.__version__}")
        raise typer.Exit


def _root(asked: bool) -> None:
    if asked:
        from bundle.common.root import bundle_root

        print(bundle_root())
        raise typer.Exit


def _app() -> typer.Typer:
    app = typer.Typer(**PLAIN, cls=_Commands, no_args_is_help=True, help=with_examples(ABOUT))
    for name, (_, line) in COMMANDS.items():
        app.command(name, short_help=line)(lambda: None)

    @app.callback()
    def program(
        version: Annotated[
            bool, typer.Option("--version", is_eager=True, callback=_version, help="print it and end")
        ] = False,
        root: Annotated[
            bool,
            typer.Option(
                "--bundle-root",
                is_eager=True,
                callback=_root,
                help="print the folder with configs/ and models/, for python -m monai.bundle, and end",
            ),
        ] = False,
    ) -> None: ...

    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Be the program `coronary`; ends with SystemExit.

    The exit code is 0 where all is done, 1 where a case or the program failed, 2 for a mistake in what was
    typed and 130 for Ctrl+C. Whatever ends it, the last line of stderr is one sentence.

    Args:
        arguments: the words behind `coronary`; by default those of the command line.
    """
    show_tracebacks(False)
    command = typer.main.get_command(_app())  # called, `typer.Typer` would put its own traceback in place
    try:
        code = command.main(arguments, prog_name="coronary", standalone_mode=True)
    except Exception as error:
        end_program(error, "--traceback")
    raise SystemExit(code)
