"""A client of the running MONAI Label server: one mask and its geometry, with the time and memory it took.

    python scripts/ask_label.py CASE --out answer --pid SERVER     # the server: make label

CASE is the name of a scan among the studies. Writes mask, mesh, picture and the answer's JSON into `answer`.
"""

from __future__ import annotations

import argparse
import email
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

MODEL = "coronary_ct_segmentation"


def call(url: str, fields: dict | None = None) -> tuple[bytes, str]:
    """Body and content type of a GET, or of a POST where there are form `fields`.

    Raises:
        SystemExit: with the server's sentence.
    """
    data = None if fields is None else urllib.parse.urlencode(fields).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=1200) as answer:
            return answer.read(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        raise SystemExit(f"error {error.code}: {json.loads(error.read())['detail']}") from None
    except urllib.error.URLError as error:
        raise SystemExit(f"error: no server at {url} ({error.reason}); start it with make label") from None


def peak_memory_gib(pid: int) -> float:
    """The most memory that process has held, from Linux's /proc."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--out", type=Path, default=Path("answer"))
    parser.add_argument("--extension", default=".nii.gz", help=".nii.gz or .nrrd (default: %(default)s)")
    parser.add_argument("--pid", type=int, help="of the server on this machine, for its peak memory")
    options = parser.parse_args()

    start = time.perf_counter()
    image = urllib.parse.quote(options.case)
    params = {"params": json.dumps({"result_extension": options.extension})}
    body, kind = call(f"{options.url}/infer/{MODEL}?image={image}", params)
    seconds = time.perf_counter() - start
    parts = {
        part.get_param("name", header="Content-Disposition"): part.get_payload(decode=True)
        for part in email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body).get_payload()
    }
    about = json.loads(parts["params"])
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"{options.case}_seg{options.extension}").write_bytes(parts["image"])
    (options.out / f"{options.case}.json").write_text(json.dumps(about, indent=2) + "\n")
    geometry = about["geometry"]
    for role in ("mesh_stl", "mesh_vtp", "snapshot"):
        if name := geometry.get("files", {}).get(role):
            content, _ = call(f"{options.url}/geometry/{geometry['case']}/{name}")
            (options.out / name).write_bytes(content)

    stages = about["latencies"]
    stages["geometry"] = stages["transform"]["post"]["ExportGeometryd"]
    print(f"answer after {seconds:.1f} s; on the server, seconds:")
    print(", ".join(f"{name} {stages[name]:.1f}" for name in ("pre", "infer", "post", "geometry", "write")))
    if options.pid:
        print(f"peak memory of the server: {peak_memory_gib(options.pid):.2f} GiB")
    print(f"in {options.out}: {', '.join(sorted(path.name for path in options.out.iterdir()))}")


if __name__ == "__main__":
    main()
