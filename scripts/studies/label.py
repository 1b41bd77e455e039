"""One mask and its geometry from a running MONAI Label.

    make label STUDIES=FOLDER                                      # starts the server
    python scripts/study.py label CASE --out answer --pid SERVER

CASE is the name of a scan among the studies. Writes mask, mesh, picture and the answer's JSON into `answer`;
prints the seconds of each stage and the peak memory.
"""

import email
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Annotated

import typer

from bundle.common.errors import RunFailed
from bundle.label import MODEL

from .common import peak_gib


def call(url: str, fields: dict | None = None) -> tuple[bytes, str]:
    """Body and content type of a GET, or of a POST where there are form `fields`.

    Raises:
        RunFailed: with the server's sentence.
    """
    data = None if fields is None else urllib.parse.urlencode(fields).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=1200) as answer:
            return answer.read(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        raise RunFailed(f"{error.code}, {json.loads(error.read())['detail']}") from None
    except urllib.error.URLError as error:
        raise RunFailed(f"no server at {url} ({error.reason}); start it with make label") from None


def main(
    case: str,
    url: str = "http://127.0.0.1:8000",
    out: Annotated[Path, typer.Option(help="folder for the answer")] = Path("answer"),
    extension: Annotated[str, typer.Option(help=".nii.gz or .nrrd")] = ".nii.gz",
    pid: Annotated[int | None, typer.Option(help="of the server here, for its peak memory")] = None,
) -> None:
    start = time.perf_counter()
    params = {"params": json.dumps({"result_extension": extension})}
    body, kind = call(f"{url}/infer/{MODEL}?image={urllib.parse.quote(case)}", params)
    seconds = time.perf_counter() - start
    parts = {
        part.get_param("name", header="Content-Disposition"): part.get_payload(decode=True)
        for part in email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body).get_payload()
    }
    about = json.loads(parts["params"])
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{case}_seg{extension}").write_bytes(parts["image"])
    (out / f"{case}.json").write_text(json.dumps(about, indent=2) + "\n")
    geometry = about["geometry"]
    for role in ("mesh_stl", "mesh_vtp", "snapshot"):
        if name := geometry.get("files", {}).get(role):
            content, _ = call(f"{url}/geometry/{geometry['case']}/{name}")
            (out / name).write_bytes(content)

    stages = about["latencies"]
    stages["geometry"] = stages["transform"]["post"]["ExportGeometryd"]
    print(f"answer after {seconds:.1f} s; on the server, seconds:")
    print(", ".join(f"{name} {stages[name]:.1f}" for name in ("pre", "infer", "post", "geometry", "write")))
    if pid:
        print(f"peak memory of the server: {peak_gib(pid):.2f} GiB")
    print(f"in {out}: {', '.join(sorted(path.name for path in out.iterdir()))}")
