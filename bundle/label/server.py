"""MONAI Label's server for this bundle: plain errors, and the geometry's files.

`scripts/label.py` gives it to `monailabel start_server` as `--uvicorn_app bundle.label.server:app`.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import Request
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from monailabel.app import app
from monailabel.config import settings
from monailabel.interfaces.exception import (
    ImageNotFoundException,
    LabelNotFoundException,
    MONAILabelError,
    MONAILabelException,
)
from monailabel.interfaces.utils.app import app_instance

from bundle.common.errors import InputError, find_input_error

from .app_folder import MODEL

__all__ = ["app"]


def explain(request: Request, error: Exception) -> JSONResponse:
    """A sentence as `detail`, which the viewers show, where MONAI Label says "Internal Server Error".

    422 for a scan that cannot be used, 404 for one that does not exist, 400 for a wrong request.
    """
    image = request.query_params.get("image")
    if image and not Path(image).exists() and image not in app_instance().datastore().list_images():
        return JSONResponse({"detail": f"there is no image {image!r} among the studies"}, status_code=404)
    found = find_input_error(error)
    if found is not None:
        return JSONResponse({"detail": str(found)}, status_code=422)
    if isinstance(error, MONAILabelException):
        missing = isinstance(error, (ImageNotFoundException, LabelNotFoundException))
        wrong = error.error in (MONAILabelError.INVALID_INPUT, MONAILabelError.APP_INIT_ERROR)
        return JSONResponse({"detail": error.msg}, status_code=404 if missing else 400 if wrong else 500)
    logs = Path(settings.MONAI_LABEL_APP_DIR) / "logs"
    detail = f"{type(error).__name__}: {error} (the server's log in {logs} has the rest)"
    return JSONResponse({"detail": detail}, status_code=500)


for kind in (InputError, MONAILabelException, Exception):
    app.add_exception_handler(kind, explain)

results = Path(settings.MONAI_LABEL_APP_DIR) / "model" / MODEL / "eval"
results.mkdir(parents=True, exist_ok=True)
app.mount("/geometry", StaticFiles(directory=results), name="geometry")
