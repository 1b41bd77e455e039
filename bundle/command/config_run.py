"""A run of the bundle's configs, as `python -m monai.bundle run` makes it; every mistake is one sentence."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from bundle.common.errors import InputError, tracebacks_shown
from bundle.common.root import bundle_root

from .config_names import find_config
from .overrides import read_overrides
from .quick_imports import monai_alone

__all__ = ["Config", "Device", "check_configs", "run_configs"]

Config = Annotated[
    list[Path] | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="a config laid over the command's own, yours or one of the bundle's such as modes/tta.yaml; "
        "several times. A config can run any code: use only those that you have read",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(metavar="cpu|cuda", help="or cuda:1, the second GPU; by default a GPU if there is one"),
]


def run_configs(
    run_id: str,
    own: Sequence[str],
    overlays: Sequence[Path] | None,
    pairs: Sequence[str] | None,
    **keys: Any,
) -> None:
    """Run configs laid over each other to the end.

    Args:
        run_id: the steps to run: "inference", "training" or "evaluating".
        own: the configs of the command, by their paths below configs/.
        overlays: what a person lays over them, see `find_config`.
        pairs: words behind ``--set``.
        keys: in place of the configs' own; None is left out.

    Raises:
        InputError: as `check_configs`, or anything that the run itself finds.
    """
    names, given = check_configs(run_id, own, overlays, pairs, **keys)

    from monai.bundle import run

    _quieten(warn_of_code=any(bundle_root() not in Path(name).absolute().parents for name in names))
    given |= {"bundle_root": str(bundle_root()), "traceback": tracebacks_shown()}
    run(run_id, config_file=names, **given)


def check_configs(
    run_id: str,
    own: Sequence[str],
    overlays: Sequence[Path] | None,
    pairs: Sequence[str] | None,
    **keys: Any,
) -> tuple[list[str], dict[str, Any]]:
    """Hold all that was typed against the configs; arguments as of `run_configs`.

    For a command that has minutes of reading before its run.

    Returns:
        the files, in the order in which they are laid over each other, and the keys in place of theirs.

    Raises:
        InputError: a config that is not there or no config, or belongs to another run, a key that is not in
            the configs or is given twice, a value that it cannot have, or weights or a device that are not
            there.
    """
    files = [bundle_root() / "configs" / name for name in own]
    files += [find_config(path) for path in overlays or ()]
    given = {key: value for key, value in keys.items() if value is not None}
    typed = read_overrides(pairs)
    if twice := sorted(given.keys() & typed.keys()):
        raise InputError(
            f"--set gives {twice[0]}, which has a place of its own on this command line; see --help."
        )
    # MONAI leaves out what is None, as if it had not been typed.
    given |= {key: "$None" if value is None else value for key, value in typed.items()}

    with nullcontext() if run_id == "training" else monai_alone():
        from monai.bundle import ConfigParser

    from bundle.common.command_line import check_overlays, check_overrides, check_references
    from bundle.common.config_files import check_config_files
    from bundle.common.device import check_device
    from bundle.common.limits import check_limits

    names = [str(file) for file in files]
    check_config_files(names)
    check_overrides(names, given, run_id)
    laid = ConfigParser(ConfigParser.load_config_files(names))
    laid.update(given)
    check_overlays(names, laid.get())
    check_references(laid.get(), names)
    check_limits(laid.get())
    elsewhere = "cluster#address" in given  # where the run is on other machines, which look themselves
    if _is_plain(given.get("device")) and not elsewhere:
        check_device(given["device"])
    if _is_plain(given.get("ckpt_path")) and not elsewhere:
        from bundle.networks import read_checkpoint

        read_checkpoint(given["ckpt_path"])
    return names, given


def _is_plain(value: Any) -> bool:
    """Whether a value is text and no expression or reference of MONAI's."""
    return isinstance(value, str) and not value.startswith(("$", "@", "%"))


def _quieten(warn_of_code: bool) -> None:
    """Without what MONAI says of the bundle's own configs: that they can run code, and lie in two folders."""
    if not warn_of_code:
        warnings.filterwarnings("ignore", message="parsing config_file", category=UserWarning)
    logger = logging.getLogger("monai.bundle.workflows")
    if _not_of_folders not in logger.filters:
        logger.addFilter(_not_of_folders)


def _not_of_folders(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Not all config files are in")
