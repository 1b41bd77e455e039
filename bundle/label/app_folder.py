"""The folder from which MONAI Label serves the bundle."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from bundle.common.files import replacing

__all__ = ["MODEL", "NATIVE", "make_app"]

MODEL = "coronary_ct_segmentation"
"""Name of the model in the viewers; MONAI Label reads its kind from the ending."""
NATIVE = "coronary_ct_native_segmentation"
"""The network at 0.5 mm, which segments alone: MONAI Label trains `MODEL`."""

_APP = Path("monailabel") / "sample-apps" / "monaibundle"  # where pip puts it, below the environment's prefix


def make_app(app: Path, bundle_root: Path, prefix: Path = Path(sys.prefix)) -> Path:
    """Lay MONAI Label's app `monaibundle` out in `app`, with this folder's main.py and the bundle twice.

    Code and configs are links into `bundle_root`, made anew each time, so that they are always those of the
    bundle. The weights are a copy, made once: what annotators train replaces the copy and stays, while the
    bundle's own weights are never written. Results, of both models, and training runs stay in the app too.

    Args:
        app: made where it does not exist; sessions, logs and trained weights in it are kept.
        bundle_root: folder with bundle/, configs/ and models/.
        prefix: of the environment that MONAI Label is installed in.

    Returns:
        `app/model/MODEL`.

    Raises:
        FileNotFoundError: MONAI Label's app is not in the environment, or the weights not in the bundle.
        RunFailed: the disk is full.
    """
    others = shutil.ignore_patterns("__pycache__", "main.py")
    shutil.copytree(prefix / _APP, app, dirs_exist_ok=True, ignore=others)
    shutil.copyfile(prefix / _APP / "main.py", app / "monaibundle.py")
    _link(app / "main.py", bundle_root / "bundle" / "label" / "main.py")
    model = app / "model" / MODEL
    weights = model / "models" / "model.pt"
    if not weights.exists():
        with replacing(weights) as part:
            shutil.copyfile(bundle_root / "models" / "model.pt", part)
    _link(model / "bundle", bundle_root / "bundle")
    # File by file: for a training on several GPUs MONAI Label writes a config of its own beside the others.
    configs = model / "configs"
    shutil.rmtree(configs, ignore_errors=True)
    configs.mkdir()
    for file in (bundle_root / "configs").iterdir():
        _link(configs / file.name, file)
    (model / "eval").mkdir(exist_ok=True)
    _lay_out_native(app / "model" / NATIVE, bundle_root, model / "eval")
    return model


def _lay_out_native(model: Path, bundle_root: Path, results: Path) -> None:
    """`NATIVE`: one config of inference.yaml and modes/native.yaml, for MONAI Label reads but one file, and
    the weights under the name that it expects. Without a config of a training it offers none."""
    from monai.bundle import ConfigParser

    shutil.rmtree(model, ignore_errors=True)
    for folder in ("configs", "models"):
        (model / folder).mkdir(parents=True)
    own = bundle_root / "configs"
    config = ConfigParser.load_config_files([own / "inference.yaml", own / "modes" / "native.yaml"])
    for key, name, file in (
        ("ckpt_path", "model.pt", "native_checkpoint.pt"),
        ("coarse_ckpt_path", "coarse.pt", "model.pt"),
    ):
        config[key] = f"$@bundle_root + '/models/{name}'"
        _link(model / "models" / name, bundle_root / "models" / file)
    ConfigParser.export_config_file(config, model / "configs" / "inference.yaml", fmt="yaml", sort_keys=False)
    _link(model / "configs" / "metadata.json", own / "metadata.json")
    _link(model / "bundle", bundle_root / "bundle")
    _link(model / "eval", results)


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target.resolve())
