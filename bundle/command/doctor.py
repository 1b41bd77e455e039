"""Check this installation: a line for each thing, with the cure where one is needed.

  coronary doctor
  coronary doctor --quick    # without the tiny run, which takes half a minute
  coronary doctor --json     # for programs

It looks at the packages, the devices, the weights and the drawing of pictures, and then segments a tiny
synthetic scan. The exit code is 1 where something has to be cured before scans can be segmented.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

import bundle
from bundle.common.errors import InputError
from bundle.common.root import bundle_root

__all__ = ["Finding", "examine"]

_LIMIT_S = 600
_COLOURS = {"ok": "green", "note": "yellow", "fault": "bold red"}
_ARGUMENTS = ["--mode", "paper", "--set", "spatial_size=[64,64,32]"]  # of the tiny run


@dataclass(frozen=True)
class Finding:
    """One line.

    Attributes:
        state: "ok"; "note" where something is missing that scans can be segmented without; "fault".
        what: was looked at.
        found: what there is, and the cure where one is needed.
    """

    state: str
    what: str
    found: str


def _program() -> Iterator[Finding]:
    where = f"{bundle.__version__} in {Path(bundle.__file__).parent}"
    yield Finding("ok", "coronary", f"{where}, Python {platform.python_version()}")
    missing = [name for name in ("configs", "models") if not (bundle_root() / name).is_dir()]
    if missing:
        found = f"{' and '.join(missing)} not in {bundle_root()}; install the package again, by pip install ."
        yield Finding("fault", "configs", found)
    else:
        yield Finding("ok", "configs", f"and models in {bundle_root()}")


def _packages() -> Iterator[Finding]:
    stated = json.loads((bundle_root() / "configs" / "metadata.json").read_text(encoding="utf-8"))
    tested = {"monai": stated["monai_version"], "torch": stated["pytorch_version"]}
    tested |= {"numpy": stated["numpy_version"]} | stated["required_packages_version"]
    present = {}
    for name, number in tested.items():
        try:
            present[name] = version(name)
        except PackageNotFoundError:
            yield Finding("fault", name, f"is missing; pip install {name}=={number}")
    yield Finding("ok", "packages", ", ".join(f"{name} {number}" for name, number in present.items()))


def _devices() -> Iterator[Finding]:
    import torch

    from bundle.networks import why_not_fused

    yield Finding("ok", "CPU", f"{torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(number)
            found = f"{about.name}, {about.total_memory / 2**30:.0f} GiB"
            why = why_not_fused(torch.device("cuda", number))
            slower = f"; the network takes twice as long as it could: {why}" if why else ""
            yield Finding("note" if why else "ok", f"cuda:{number}", found + slower)
        return
    slower = "a scan takes minutes on the CPU in place of seconds"
    if torch.version.cuda is None and torch.version.hip is None:
        cure = (
            f"this PyTorch is built for the CPU alone; {slower}. For a GPU: https://pytorch.org/get-started"
        )
    else:
        cure = f"PyTorch finds none; {slower}. Where there is one, look at its driver with nvidia-smi"
    yield Finding("note", "GPU", cure)


def _runtimes() -> Iterator[Finding]:
    from bundle.networks import ENGINES

    engine = ENGINES["openvino"]
    missing = engine.missing()
    if missing:
        cure = f"pip install {' '.join(missing)}"
        yield Finding("note", engine.title, f"is not installed; it is quicker on a CPU: {cure}")
    else:
        yield Finding("ok", engine.title, f"{engine.version()} runs the network on a CPU")


def _weights() -> Iterator[Finding]:
    from monai.bundle import ConfigParser

    from bundle.networks import load_weights

    configs = bundle_root() / "configs"
    for names in (["inference.yaml"], ["inference.yaml", "modes/native.yaml"]):
        config = ConfigParser(ConfigParser.load_config_files([str(configs / name) for name in names]))
        config["bundle_root"] = str(bundle_root())
        path = Path(config.get_parsed_content("ckpt_path"))
        try:
            network = load_weights(config.get_parsed_content("network_def"), path)
        except InputError as error:
            cure = "install the package again, or fetch the file anew"
            yield Finding("fault", path.name, f"{error} The cure: {cure}.")
            continue
        count = sum(parameter.numel() for parameter in network.parameters())
        size = path.stat().st_size / 1e6
        yield Finding("ok", path.name, f"loads, {size:.1f} MB, {count / 1e6:.1f} million numbers")


def _pictures() -> Iterator[Finding]:
    from bundle.geometry.render import why_no_pictures

    why = why_no_pictures()
    yield (
        Finding("note", "pictures", why) if why else Finding("ok", "pictures", "VTK draws without a display")
    )


def _mesher() -> Iterator[Finding]:
    from bundle.geometry.solver import why_no_mesher

    cure = "is not installed, and only meshes of tetrahedra need it (GPL): pip install gmsh"
    yield (
        Finding("note", "gmsh", cure)
        if why_no_mesher()
        else Finding("ok", "gmsh", "fills models with tetrahedra")
    )


def _tiny_run() -> Iterator[Finding]:
    """Of `coronary segment` itself, in a process of its own: whatever ends it, this goes on."""
    from bundle.phantom import make_phantom, write_case

    with tempfile.TemporaryDirectory() as home:
        scan = Path(home) / "scan.nii.gz"
        write_case(
            make_phantom(12, shape=(64, 64, 48)), scan, Path(home) / "mask.nii.gz", Path(home) / "truth.json"
        )
        command = [sys.executable, "-m", "bundle.command", "segment", str(scan), "--out", f"{home}/out"]
        command += _ARGUMENTS
        path = os.pathsep.join(
            filter(None, [str(Path(bundle.__file__).parents[1]), os.environ.get("PYTHONPATH")])
        )
        try:
            done = subprocess.run(
                command,
                env=os.environ | {"PYTHONPATH": path},
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            yield Finding("fault", "tiny run", f"has no end after {_LIMIT_S} s")
            return
        written = sorted(path.name for path in Path(home, "out").glob("*/*"))
    if done.returncode or not any(name.endswith("_mesh.stl") for name in written):
        last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        yield Finding("fault", "tiny run", f"ended with {done.returncode}: {last}")
    else:
        yield Finding("ok", "tiny run", f"a synthetic scan of 64 x 64 x 48 gave {len(written)} files")


def _looked_at(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of a check; one that breaks is a finding too."""
    try:
        yield from check()
    except Exception as error:
        what = check.__name__.strip("_").replace("_", " ")
        said = " ".join(str(error).split()) or "no reason given"
        yield Finding("fault", what, f"{type(error).__name__}: {said}; install the package again")


def _checks(quick: bool) -> list[Callable[[], Iterator[Finding]]]:
    always = [_program, _packages, _devices, _runtimes, _weights, _pictures, _mesher]
    return always if quick else [*always, _tiny_run]


def examine(
    quick: Annotated[bool, typer.Option("--quick", help="without the tiny run")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print a list for programs")] = False,
) -> None:
    """Look at everything and print what there is."""
    findings = (finding for check in _checks(quick) for finding in _looked_at(check))
    if as_json:
        found = list(findings)
        print(json.dumps([asdict(finding) for finding in found], indent=2, ensure_ascii=False))
    else:
        found = list(map(_printed, findings))
    faults = sum(finding.state == "fault" for finding in found)
    if faults:
        things = "one thing has" if faults == 1 else f"{faults} things have"
        print(f"error: {things} to be cured before scans can be segmented, see above.", file=sys.stderr)
        raise typer.Exit(1)
    if not as_json:
        print("Scans can be segmented.")


def _printed(finding: Finding) -> Finding:
    from rich.console import Console
    from rich.markup import escape

    state = f"[{_COLOURS[finding.state]}]{finding.state:5}[/]"
    Console(highlight=False, soft_wrap=True).print(
        f"{state}  {escape(finding.what):22}  {escape(finding.found)}"
    )
    return finding
