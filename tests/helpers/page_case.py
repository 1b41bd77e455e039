"""A case on disk with what a page shows: a narrowed vessel with a side branch, its CT, its report."""

from __future__ import annotations

import numpy as np
from shapes import rotation, scan, tube

from bundle.geometry.case import export_case
from bundle.report import add_page

MAIN = np.array([[-16.0, -3, 18], [-9, 2, 8], [-2, 0, -3], [8, -3, -12], [18, 0, -20]])
SIDE = np.array([[-9.0, 2, 8], [2, 7, 10], [13, 9, 14]])
AXES = rotation((8, -12, 15)) @ np.diag([-0.5, 0.5, 0.55])
WEIGHTS = "/home/somebody/models/native_checkpoint.pt"
BAD_TEXT = "</script><script>document.title = 'run'</script>"


def vessels(points):
    """Signed distance to a vessel that narrows in its second half, and to a branch of it."""
    at = np.linspace(0, 1, 200)
    path = np.stack([np.interp(at, np.linspace(0, 1, len(MAIN)), column) for column in MAIN.T], axis=1)
    radius = 1.9 - 1.2 * np.exp(-(((at - 0.68) / 0.05) ** 2))
    return np.maximum(tube(points, path, radius), tube(points, SIDE, 1.2))


def upright(points):
    """Signed distance to one straight vessel from head to feet."""
    return tube(points, np.array([[0.0, 0, 22], [0, 0, 0], [0, 0, -22]]), 1.9)


def page_case(folder, case, with_ct=True, page=True, distance=vessels, **settings):
    """Write the case into `folder`, as a run does; its report, and its CT with its affine."""
    mask, affine, probability = scan((90, 60, 100), AXES, distance, edge_mm=0.2)
    ct = (np.random.default_rng(0).normal(40, 25, mask.shape) + 350 * probability).astype(np.int16)
    report = export_case(
        mask, affine, folder, case, probability, ct=(ct, affine), **{"pictures": False} | settings
    )
    report["warnings"].append(f"a case with {BAD_TEXT}")
    report |= {"provenance": {"bundle": "0", "weights": WEIGHTS}, "source": "/data/who/a_seg.nii.gz"}
    add_page(folder, report, page, (ct, affine) if with_ct else None)
    return report, (ct, affine)


def data_of(page):
    """What a page holds, read as a browser does: up to the first end of the tag."""
    import json

    text = page.read_text(encoding="utf-8").partition('<script type="application/json" id="data">')[2]
    return json.loads(text.partition("</script>")[0])
