"""What the scripts share: the command line, the seeds of phantoms, a run of the bundle's configs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the bundle of this checkout, wherever the script is called from

from bundle.command import PLAIN, Processes, Set, read_overrides, with_examples  # noqa: E402
from bundle.common.errors import find_input_error  # noqa: E402

if TYPE_CHECKING:
    from monai.bundle import ConfigWorkflow

# torch and MONAI are imported where they are used: processes that make phantoms import the script's file too.

__all__ = ["PLAIN", "ROOT", "SEEDS", "Processes", "Set", "config_path", "run", "settings", "with_examples",
           "workflow"]  # fmt: skip

SEEDS = {"train": 1_000_000, "validation": 2_000_000, "test": 3_000_000}
"""First seed of each part. Far from the small numbers that data/phantoms is made from."""


def run(command: Callable | typer.Typer, about: str, arguments: Sequence[str] | None = None) -> None:
    """Be the command line of a script, whose docstring is `about`; ends with SystemExit.

    An `InputError`, however deep it was raised, ends the script with its sentence and its exit code.

    Example:
        >>> run(main, __doc__, ["--count", "3"])  # doctest: +SKIP
    """
    app = command
    if not isinstance(app, typer.Typer):
        app = typer.Typer(**PLAIN, add_completion=False)
        app.command(help=with_examples(about))(command)
    try:
        app(arguments)
    except Exception as error:
        found = find_input_error(error)
        if found is None:
            raise
        print(f"error: {found}", file=sys.stderr)
        raise SystemExit(found.exit_code) from None


def settings(pairs: Sequence[str] | None, *configs: str | Path) -> dict[str, Any]:
    """Keys of a config from the words after ``--set``.

    Args:
        pairs: such as ``["batch_size=2", "channels=[4,8]"]``.
        configs: the config files that the keys are for, as `workflow` takes them.

    Raises:
        typer.BadParameter: see `read_overrides`.
        InputError: a key that the configs do not have, or a value of another kind than theirs.
    """
    found = read_overrides(pairs)
    if found:
        from bundle.common.command_line import check_overrides

        check_overrides([config_path(name) for name in configs], found)
    return found


def config_path(name: str | Path) -> str:
    """A file of configs/, or another by its path."""
    return str(ROOT / "configs" / name)


def workflow(*configs: str | Path, run_id: str = "run", logging: bool = False, **keys: Any) -> ConfigWorkflow:
    """A run of the bundle, initialised, as ``python -m monai.bundle run`` makes it.

    Args:
        configs: names in configs/, the later ones laid over the first.
        run_id: "training" for a training; "run" is what else a config does.
        logging: by configs/logging.conf, else silent.
        keys: in place of the configs' own.

    Example:
        >>> workflow("inference.yaml", dataset_dir="scan.nii.gz", output_dir="eval").run()  # doctest: +SKIP
    """
    from monai.bundle import ConfigWorkflow

    keys = {"bundle_root": ROOT, "traceback": True} | keys
    made = ConfigWorkflow(
        [config_path(name) for name in configs],
        meta_file=config_path("metadata.json"),
        logging_file=config_path("logging.conf") if logging else False,
        run_id=run_id,
        workflow_type="train" if run_id == "training" else "inference",
        **{key: str(value) if isinstance(value, Path) else value for key, value in keys.items()},
    )
    made.initialize()
    return made
