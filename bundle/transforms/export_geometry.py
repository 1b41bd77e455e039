"""Meshes, centreline and measurements of one predicted case: for the handler, and for MONAI Label."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

import bundle
from bundle.common.case_warnings import warnings_of
from bundle.common.coordinates import voxel_size_mm
from bundle.common.crop import Region, region_of
from bundle.common.filenames import case_name, split_suffix
from bundle.common.files import plain_values, write_json
from bundle.common.nifti import as_stored
from bundle.geometry.case import ExportOptions, export_case
from bundle.geometry.render import Slices, slices_of
from bundle.report import add_page

__all__ = ["CaseGeometry", "ExportGeometryd", "case_geometry", "write_geometry"]

REQUEST = "model"
_CT_MARGIN = 10  # voxels around the box of the mask, which has a margin of its own
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CaseGeometry:
    """A prediction cropped to its vessels, on the CPU: what `write_geometry` needs.

    mask: (X, Y, Z) bool. affine: (4, 4) of that box, RAS mm. probability, vein: (X, Y, Z) or None. scan:
    shape, affine, figures and warnings of the whole prediction. saved: names of the files of its volumes.
    parts: what the rule for parts says of itself. slices: of the scan, for a picture. ct: the scan near the
    vessels, (A, B, C) HU, and its (4, 4) affine. scan_file: where the scan lies.
    """

    mask: np.ndarray
    affine: np.ndarray
    probability: np.ndarray | None
    vein: np.ndarray | None
    scan: dict[str, Any]
    saved: tuple[str, ...] = ()
    parts: Mapping[str, Any] | None = None
    slices: Slices | None = None
    ct: tuple[np.ndarray, np.ndarray] | None = None
    scan_file: str | None = None


def case_geometry(
    pred: MetaTensor,
    prob: MetaTensor | None = None,
    vein: MetaTensor | None = None,
    image: MetaTensor | None = None,
    ct: MetaTensor | None = None,
    others: Iterable[MetaTensor] = (),
) -> CaseGeometry:
    """Crop a prediction to the vessels.

    Args:
        pred: (1, X, Y, Z), > 0 is lumen.
        prob, vein: of lumen and of cardiac vein, on the same grid; that of the lumen is taken as
            `<case>_prob.nii.gz` holds it.
        image: (1, A, B, C) in 0..1, RAS, of the mask's extent, as the network has seen it.
        ct: (1, D, E, F) HU, as it was loaded.
        others: further volumes of the case, of which the names of their files are told.
    """
    mask = np.asarray(pred[0].detach().cpu()) > 0
    affine = np.asarray(pred.affine, dtype=np.float64)
    scan = {"shape": list(mask.shape), "affine_ras_mm": affine.tolist()}
    kinds = {"threshold": float, "confidence": float, "volume_mm3": float, "components": int}
    kinds |= {"windows": int, "windows_in_all": int, "windows_at_gaps": int, "windows_seconds": float}
    scan |= {key: kind(pred.meta[key]) for key, kind in kinds.items() if key in pred.meta}
    scan["warnings"] = warnings_of(pred.meta)
    region = region_of(mask)
    volumes = [pred, *([] if prob is None else [prob]), *others]
    saved = tuple(Path(v.meta["saved_to"]).name for v in volumes if "saved_to" in v.meta)
    if region is None:
        return CaseGeometry(mask, affine, None, None, scan, saved, pred.meta.get("parts"))
    near = [None if v is None else region.take(np.asarray(v[0].detach().cpu())) for v in (prob, vein)]
    near[0] = None if prob is None else as_stored(near[0])
    parts, slices = pred.meta.get("parts"), None if image is None else _slices(image, mask, affine)
    near_ct = None if ct is None else _near_ct(ct, region, mask.shape)
    scan_file = None if ct is None else ct.meta.get("filename_or_obj")
    box = (region.take(mask), region.affine(affine))
    return CaseGeometry(*box, *near, scan, saved, parts, slices, near_ct, scan_file)


def _near_ct(ct: MetaTensor, region: Region, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """A copy of the CT about the vessels, and its affine; all of it where it is not on the mask's grid."""
    volume, affine = np.asarray(ct[0].detach().cpu()), np.asarray(ct.affine, dtype=np.float64)
    if volume.shape != shape:
        return volume, affine
    low = np.maximum(np.subtract(region.low, _CT_MARGIN), 0)
    high = np.minimum(np.add(region.low, region.shape) + _CT_MARGIN, shape)
    box = Region(tuple(map(int, low)), tuple(map(int, high - low)))
    return box.take(volume), box.affine(affine)


def _slices(image: MetaTensor, mask: np.ndarray, affine: np.ndarray) -> Slices | None:
    axes = io_orientation(affine)
    spacing = voxel_size_mm(affine @ inv_ornt_aff(axes, mask.shape))
    depth = image.shape[3]

    def plane(height: float) -> np.ndarray:
        return np.asarray(image[0, :, :, min(int(height * depth), depth - 1)].detach().cpu())

    return slices_of(plane, apply_orientation(mask, axes), spacing)


def write_geometry(
    geometry: CaseGeometry,
    output_dir: str | os.PathLike,
    case: str,
    provenance: Mapping[str, Any],
    options: ExportOptions,
    stamp: Callable[[str, Iterable[str]], dict[str, Any]] | None = None,
) -> dict:
    """Write the files of `bundle.geometry.case.export_case`, the page (`bundle.report.write_page`) and, last,
    `<case>.json` into `output_dir/<case>/`.

    Args:
        stamp: given the case and the names of its files, what goes into the JSON as `record`
            (`bundle.cohort.records.CaseRecords.stamp`).

    Returns:
        What the JSON says: the report of `export_case`, `scan` and `provenance`.

    Raises:
        ValueError: as `export_case` does.
    """
    folder = Path(output_dir) / case
    if options.level is None and geometry.probability is not None:
        options = replace(options, level=geometry.scan.get("threshold"))
    settings = asdict(options)
    report = export_case(
        geometry.mask,
        geometry.affine,
        folder,
        case,
        geometry.probability,
        geometry.vein,
        geometry.slices,
        geometry.ct,
        next((folder / name for name in geometry.saved if name.startswith(f"{case}_seg.")), None),
        geometry.scan_file,
        (geometry.parts or {}).get("joins", ()),
        **settings,
    )
    report |= {"scan": geometry.scan, "provenance": {"bundle": bundle.__version__, **provenance}}
    if geometry.parts is not None:
        report["parts"] = dict(geometry.parts)
    report["warnings"] = [*geometry.scan["warnings"], *report["warnings"]]
    report["files"] = _volumes(case, geometry.saved) | report["files"]
    if stamp is not None:
        report["record"] = stamp(case, ())  # what went into the case; the page tells it
    add_page(folder, report, options.page, geometry.ct, (geometry.mask, geometry.affine))
    if stamp is not None:
        report["record"] = stamp(case, {*geometry.saved, *report["files"].values()})
    write_json(report, folder / f"{case}.json")
    return report


def _volumes(case: str, saved: Iterable[str]) -> dict[str, str]:
    """Role to name of the volumes of the prediction that were written, as the page calls them."""
    roles = {f"{case}_seg": "mask", f"{case}_prob": "probability"}
    roles |= {f"{case}_{name}": name for name in ("entropy", "mutual_information")}
    found = {roles.get(split_suffix(name)[0]): name for name in saved}
    return {role: name for role, name in found.items() if role is not None}


class ExportGeometryd(MapTransform):
    """Post transform that writes the geometry of a MONAI Label request and adds the report to its answer.

    MONAI Label runs no handlers, so `GeometryExport` has no say there, and drops every `SaveImaged`. Of an
    item that carries `REQUEST` (MONAI Label names its `model` in each request for a mask, not in those
    of its scoring) the geometry goes to `output_dir/<case>/`, by the code that the handler uses. The item's
    `result`, which MONAI Label sends back beside the mask, gets `geometry`: the report of `write_geometry`,
    or {"case", "failed"} with a sentence, and the mask goes out all the same. Any other item passes
    unchanged: in a run of the bundle the handler makes the files, while the next case is on the network.

    Args:
        keys: the mask, (1, X, Y, Z) with its affine; where the item has "prob" and "vein", these are the
            probabilities of lumen and of cardiac vein, "image" is what the network has seen, and "ct" the
            scan as it was loaded, HU.
        output_dir: folder of the results.
        options: what is made of the mask.
        weights: path of the weights, for the report.
    """

    def __init__(
        self,
        keys: KeysCollection,
        output_dir: str | os.PathLike,
        options: ExportOptions | None = None,
        weights: str | os.PathLike | None = None,
    ) -> None:
        super().__init__(keys)
        self.output_dir = Path(output_dir)
        self.options = options or ExportOptions()
        self.provenance = {"weights": weights}

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        if REQUEST not in d:
            return d
        for key in self.key_iterator(d):
            case = case_name(d[key].meta["filename_or_obj"])
            try:
                image = d.get("image") if self.options.pictures else None
                geometry = case_geometry(d[key], d.get("prob"), d.get("vein"), image, d.get("ct"))
                geometry = replace(geometry, scan_file=None)  # perhaps of a cache, gone tomorrow
                report = write_geometry(geometry, self.output_dir, case, self.provenance, self.options)
            except Exception as error:  # the mask is worth sending without it
                is_sentence = isinstance(error, ValueError)
                if not is_sentence:
                    logger.error("geometry of case %s failed", case, exc_info=error)
                report = {"case": case, "failed": str(error) if is_sentence else repr(error)}
            d["result"] = {**d.get("result", {}), "geometry": plain_values(report)}
        return d
