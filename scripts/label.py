"""Start MONAI Label with this bundle, for 3D Slicer and OHIF: what `make label` runs in its own environment.

    .venv-label/bin/python scripts/label.py --studies FOLDER_OF_SCANS --port 8001

The app (MONAI Label's own `monaibundle`) is laid out in `label/monaibundle`; a training there writes its
weights to the app, not over the bundle's.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from shared import ROOT, run

from bundle.label import ENDINGS, MODEL, NATIVE, make_app, study_folder

STUDIES = ROOT / "label" / "studies"
CONNECT = """
MONAI Label runs this bundle on the scans in {studies}, as two models:
  {native}  at 0.5 mm: finds most, seconds on a GPU, one to two minutes on a CPU
  {model}         the whole scan at 128 x 128 x 64: quicker, and the one that Train trains
  3D Slicer  extension MONAILabel, module "MONAI Label": enter {url} as server, refresh,
             Next Sample, then under Auto Segmentation choose a model and press Run
  OHIF       {url}/ohif/ in a browser; the studies must then be a DICOMweb server's address
  REST       {url}/ lists the calls; meshes of a case: {url}/geometry/CASE/CASE_mesh.stl
The server listens to this computer alone. Ctrl+C ends it.
"""


def environment() -> dict[str, str]:
    """What the server and the trainings that it starts need to find the bundle."""
    paths = [str(ROOT)]
    if importlib.util.find_spec("torchvision") is None:
        paths.append(str(ROOT / "bundle" / "label" / "without_torchvision"))
    # Scoring every scan after each start, sample and training takes minutes on a CPU: on request only.
    defaults = {"MONAI_LABEL_AUTO_UPDATE_SCORING": "false"}
    defaults["MONAI_LABEL_DATASTORE_FILE_EXT"] = json.dumps([f"*{ending}" for ending in ENDINGS])
    # MONAI Label calls torchrun by name for a training on several GPUs.
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return defaults | os.environ | {"PATH": programs, "PYTHONPATH": os.pathsep.join(paths)}


def main(
    studies: Annotated[str, typer.Option(help="scans, a data set, or a DICOMweb URL")] = str(STUDIES),
    app: Annotated[Path, typer.Option(help="folder of the app")] = ROOT / "label" / "monaibundle",
    port: int = 8000,
) -> None:
    """Lay out the app and become the server."""
    served = studies
    if "://" not in studies:
        if Path(studies).resolve() == STUDIES:  # of `make label` without STUDIES
            STUDIES.mkdir(parents=True, exist_ok=True)
        served = str(study_folder(Path(studies), ROOT / "label" / "links"))
    if importlib.util.find_spec("monailabel") is None:
        raise SystemExit("error: MONAI Label is not in this environment; use `make label`, or .venv-label")
    make_app(app, ROOT)

    command = [sys.executable, "-m", "monailabel.main", "start_server"]
    command += ["--app", str(app), "--studies", served]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    command += ["--uvicorn_app", "bundle.label.server:app"]
    configuration = {
        "models": f"{NATIVE},{MODEL}",
        "epistemic_model": MODEL,
        "zoo_source": "ngc",
        "sam2": "false",
    }
    for key, value in configuration.items():
        command += ["--conf", key, value]
    url = f"http://127.0.0.1:{port}"
    print(CONNECT.format(model=MODEL, native=NATIVE, studies=served, url=url), flush=True)
    os.execve(sys.executable, command, environment())


if __name__ == "__main__":
    run(main, __doc__)
