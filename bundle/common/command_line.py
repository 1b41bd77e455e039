"""What was typed after ``monai.bundle run``, held against the configs: MONAI takes any key for a new one."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monai.bundle import ComponentLocator, ConfigParser
from monai.bundle.reference_resolver import ReferenceResolver
from monai.utils import optional_import

from bundle.common.config_in_use import config_in_use, words_of_run
from bundle.common.errors import InputError, plain_errors
from bundle.common.limits import check_limits
from bundle.common.parsing import parse_bool
from bundle.common.root import bundle_root, shown_path

__all__ = ["check_begun", "check_command_line", "check_overlays", "check_overrides", "check_references"]

_SEPARATOR = "::"
# Of MONAI's experiment tracking, which adds them where they are not there.
_TRACKING = ("tracking_uri", "experiment_name", "run_name", "save_execute_config")


def check_command_line() -> None:
    """Check the keys, their values and the run's name that `monai.bundle run` was started with.

    For the list ``initialize`` of a config. A run that was started in another way is not looked at.

    Raises:
        InputError: see `check_overrides`, `check_overlays`, `check_references` and `check_limits`.
    """
    given = words_of_run()
    if given is None:
        return
    typed = dict(given["override"])
    config_file, run_id = given["config_file"], given["run_id"]
    if given["args_file"] is not None:
        defaults = ConfigParser.load_config_file(given["args_file"])
        config_file, run_id = config_file or defaults.get("config_file"), run_id or defaults.get("run_id")
    check_overrides(config_file, {key: typed[key] for key in typed if key not in _TRACKING}, run_id)
    config = config_in_use() or {}
    check_overlays(config_file, config)
    check_references(config, config_file)
    check_limits(_handed_on(config) | config)


def check_begun() -> None:
    """Check that ``initialize`` was run: MONAI takes a word without an option for the name of other steps.

    For the first of the steps that are run.

    Raises:
        InputError: a word stands alone, as the second half of a path with a space in it does.
    """
    word = (words_of_run() or {}).get("init_id")
    if word is not None and not _are_steps((config_in_use() or {}).get(word)):
        plain_errors()  # which initialize would have done
        raise InputError(f"{word!r} stands alone between the options; put a path with a space in quotes.")


def check_overrides(
    config_file: str | Sequence[str], overrides: Mapping[str, Any], run_id: str | None = None
) -> None:
    """Check that every key stands in the configs and that its value is of the kind that stands there.

    A key inside a component may also be an argument of what the component makes.

    Args:
        config_file: one or several, in the order in which they are laid over each other.
        overrides: key to value, such as ``{"train#trainer#max_epochs": 3}``.
        run_id: of the steps to run, e.g. "training".

    Raises:
        InputError: an unknown key, named with the nearest one there is, a value of another kind, or a
            ``run_id`` that names no steps.
    """
    files = config_file if not isinstance(config_file, str) else config_file.split(",")
    config = ConfigParser.load_config_files([str(file) for file in files])
    named = " and ".join(shown_path(file) for file in files)
    inference = _handed_on(config)
    keys = {*_keys(config), *_keys(inference)}
    config = inference | config
    if run_id is not None and not _are_steps(config.get(run_id)):
        ids = [key for key, value in config.items() if _are_steps(value) and key not in _NOT_RUN]
        raise InputError(f"there are no steps called {run_id!r} to run; {named} has {' or '.join(ids)}.")
    for typed, value in overrides.items():
        key = ReferenceResolver.normalize_id(typed.removeprefix("+"))
        if key in keys:
            _check_kind(typed, value, _at(config, key))
        elif not _is_argument(config, key):
            near = _nearest(key, keys | _arguments_beside(config, key))
            hint = f"; did you mean {near}?" if near else ""
            raise InputError(f"there is no key {typed!r} in {named}{hint}")


def check_overlays(config_file: str | Sequence[str], config: Mapping[str, Any]) -> None:
    """Check the keys of overlays against the files before them.

    Args:
        config_file: one or several, in the order in which they are laid over each other.
        config: all of them laid over each other.

    Raises:
        InputError: a key that is not used and looks like one of theirs; an argument that what a component
            makes does not take; a component that is replaced by a few of its arguments.
    """
    files = config_file.split(",") if isinstance(config_file, str) else list(config_file)
    for count in range(1, len(files)):
        _check_components(files[:count], str(files[count]))
    used = {reference.split(_SEPARATOR)[0] for text in _texts(config) for reference in _references(text)}
    keys = {*_handed_on(config), *ConfigParser.load_config_file(str(files[0]))}
    for file in map(str, files[1:]):
        own = {key.lstrip("+") for key in ConfigParser.load_config_file(file) if "#" not in key}
        for key in sorted(own - keys - used):
            near = difflib.get_close_matches(key, keys, n=1, cutoff=0.8)
            if near and not _are_steps(config.get(key)):
                raise InputError(f"{file} sets {key!r}, which nothing uses; did you mean {near[0]}?")
        keys |= own


def _check_components(before: Sequence[str], file: str) -> None:
    """Check what an overlay says of the components that the files before it have."""
    config = ConfigParser.load_config_files([str(name) for name in before])
    config = _handed_on(config) | config
    for typed, value in ConfigParser.load_config_file(file).items():
        key = ReferenceResolver.normalize_id(typed.lstrip("+"))
        try:
            present = _at(config, key)
        except (KeyError, IndexError, ValueError, TypeError):
            present = None
        replaces = _is_component(present) and isinstance(value, Mapping) and not typed.startswith("+")
        if replaces and "_target_" not in value and not _all_are_components(value):
            shown = key.replace(_SEPARATOR, "#")
            raise InputError(
                f"'{typed}:' in {file} replaces all of {shown}, and no _target_ says then what it makes; "
                f"write '{shown}#KEY: ...' for a key in it."
            )
        component = _component_above(config, key)
        takes_any = any(p.kind is p.VAR_KEYWORD for p in _signature(component).values())
        if _is_component(component) and present is None and not takes_any and not _is_argument(config, key):
            near = _nearest(key, {*_keys(config)} | _arguments_beside(config, key))
            hint = f"; did you mean {near}?" if near else ""
            raise InputError(f"{file} sets {typed!r}, which {component['_target_']} does not take{hint}")


def _is_component(value: Any) -> bool:
    return isinstance(value, Mapping) and "_target_" in value


def _all_are_components(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is one of components, each under a name, which may stand for what one would make."""
    return bool(value) and all(_is_component(part) for part in value.values())


def check_references(config: Mapping[str, Any], config_file: str | Sequence[str]) -> None:
    """Check that all that a config refers to is in it: a nested overlay replaces, and may leave out the rest.

    Args:
        config: all files laid over each other.
        config_file: these files, for the sentence.

    Raises:
        InputError: a reference to a key that is not there.
    """
    files = config_file.split(",") if isinstance(config_file, str) else list(config_file)
    config = _handed_on(config) | config
    missing = next(
        (r for text in _texts(config) for r in _references(text) if not _is_there(config, r)), None
    )
    if missing is None:
        return
    shown, top = missing.replace(_SEPARATOR, "#"), missing.split(_SEPARATOR)[0]
    replaced = [file for file in files[1:] if top in ConfigParser.load_config_file(file)]
    if not replaced:
        raise InputError(
            f"the config refers to @{shown}, which is not in it; correct the name or add the key."
        )
    raise InputError(
        f"'{top}:' in {replaced[-1]} replaces all of {top}, and {shown} is missing then; "
        f"write '{top}#KEY: ...' for a key in it, or '+{top}#KEY: ...' to add to a list."
    )


def _handed_on(config: Mapping[str, Any]) -> dict[str, Any]:
    """inference.yaml, whose keys evaluate.yaml takes and hands on; nothing for another config."""
    if "inference_config" not in config:
        return {}
    return ConfigParser.load_config_file(bundle_root() / "configs" / "inference.yaml")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, (Mapping, list, tuple)):
        for entry in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(entry)
    elif isinstance(value, str):
        yield value


def _references(text: str) -> list[str]:
    return list(ReferenceResolver.match_refs_pattern(text))


def _is_there(config: Any, key: str) -> bool:
    for part in key.split(_SEPARATOR):
        if isinstance(config, str) or (
            isinstance(config, Mapping) and "_target_" in config and part not in config
        ):
            return True  # of what it refers to or makes, which is not looked into
        try:
            config = config[int(part)] if isinstance(config, (list, tuple)) else config[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return False
    return True


_NOT_RUN = ("initialize", "finalize", "imports")


def _are_steps(value: Any) -> bool:
    """Whether a value of a config is a list of expressions, or a macro of one."""
    if isinstance(value, str):
        return value.startswith("%")
    return isinstance(value, list) and bool(value) and all(str(step).startswith("$") for step in value)


def _keys(config: Any, above: str = "") -> list[str]:
    """The keys of a config, the nested ones too, as ``train::trainer::max_epochs``."""
    if not isinstance(config, (dict, list)):
        return []
    found = []
    for key, value in config.items() if isinstance(config, dict) else enumerate(config):
        name = f"{above}{key}"
        found += [name, *_keys(value, f"{name}{_SEPARATOR}")]
    return found


def _at(config: Any, key: str) -> Any:
    for part in key.split(_SEPARATOR):
        config = config[int(part)] if isinstance(config, list) else config[part]
    return config


def _component_above(config: dict, key: str) -> Any:
    above = key.rpartition(_SEPARATOR)[0]
    try:
        return _at(config, above) if above else None
    except (KeyError, IndexError, ValueError, TypeError):
        return None


def _signature(component: Any) -> dict[str, inspect.Parameter]:
    """The parameters of what a component makes; none where it is no component or cannot be found."""
    target = component.get("_target_") if isinstance(component, dict) else None
    if not isinstance(target, str):
        return {}
    if "." not in target:  # MONAI's own, named as in its documentation
        module = ComponentLocator().get_component_module_name(target)
        target = f"{module if isinstance(module, str) else (module or [''])[0]}.{target}"
    module, _, name = target.rpartition(".")
    made, found = optional_import(module, name=name)
    try:
        return dict(inspect.signature(made).parameters) if found else {}
    except (TypeError, ValueError):
        return {}


def _is_argument(config: dict, key: str) -> bool:
    """Whether the last part of a key is an argument of the component above it."""
    last = key.rpartition(_SEPARATOR)[2]
    component = _component_above(config, key)
    parameters = _signature(component)
    if isinstance(component, dict) and "_target_" in component and not parameters:
        return True  # of a kind that cannot be looked into
    return last in ("_disabled_", "_mode_", "_requires_") or last in parameters


def _arguments_beside(config: dict, key: str) -> set[str]:
    above = key.rpartition(_SEPARATOR)[0]
    return {f"{above}{_SEPARATOR}{name}" for name in _signature(_component_above(config, key))}


def _check_kind(typed: str, value: Any, present: Any) -> None:
    """Numbers stay numbers, lists of numbers lists of as many, switches switches; the rest is free."""
    if isinstance(value, str) and value.startswith(("@", "$", "%")):
        return
    is_path = isinstance(present, str) and "@bundle_root" in present
    if value is True and is_path:  # what MONAI makes of an option at the end, or before another one
        raise InputError(f"{typed} has no value; give a path behind it.")
    if isinstance(present, bool):
        parse_bool(value, typed)
    elif isinstance(present, (int, float)):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        broken = number and isinstance(present, int) and present != 0 and value % 1 != 0  # nan and inf too
        if not number or broken:
            whole = "a whole number" if isinstance(present, int) else "a number"
            raise InputError(f"{typed} is {value!r}; it must be {whole}, such as {present}.")
    elif isinstance(present, list) and present and all(isinstance(v, (int, float)) for v in present):
        fits = isinstance(value, (list, tuple)) and all(isinstance(v, (int, float)) for v in value)
        if not fits:
            raise InputError(f"{typed} is {value!r}; it must be a list of numbers, such as {present}.")


def _nearest(key: str, keys: set[str]) -> str | None:
    """The key that looks most like one, or ends in it; as a person types it."""
    last_parts = {k.rpartition(_SEPARATOR)[2]: k for k in sorted(keys, key=len, reverse=True)}
    last = key.rpartition(_SEPARATOR)[2]
    near = [last_parts[key]] if key in last_parts else difflib.get_close_matches(key, keys, n=1, cutoff=0.6)
    near = near or [last_parts[k] for k in difflib.get_close_matches(last, last_parts, n=1, cutoff=0.75)]
    return near[0].replace(_SEPARATOR, "#") if near else None
