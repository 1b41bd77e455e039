"""The mask as a DICOM segmentation: the whole tree, then each branch with a name."""

from __future__ import annotations

from itertools import chain

import highdicom as hd
from pydicom.sr.codedict import codes

import bundle
from bundle.geometry.render import branch_colors

from .case import FinishedCase
from .codes import CORONARY, code_of_branch
from .equipment import ALGORITHM, RESEARCH_USE, about
from .source import Source

__all__ = ["segmentation"]

_WHOLE_RGB = (214, 69, 80)


def _description(number: int, label: str, code, above, rgb) -> hd.seg.SegmentDescription:
    algorithm = hd.AlgorithmIdentificationSequence(
        ALGORITHM, codes.cid7162.ArtificialIntelligence, bundle.__version__
    )
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.cid7150.AnatomicalStructure,
        segmented_property_type=code,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm,
        anatomic_regions=None if above is None else [above],
        display_color=hd.color.CIELabColor.from_rgb(*map(int, rgb)),
    )


def segmentation(case: FinishedCase, source: Source) -> hd.seg.Segmentation:
    """A binary SEG on the frames of the source; frames without lumen are left out.

    Segment 1 is the whole tree; each further one is a branch with a name, and overlaps the first.
    """
    described = [_description(1, "Coronary arteries", CORONARY, None, _WHOLE_RGB)]
    colours = branch_colors([branch.name for branch in case.branches])
    for branch, number in case.segments.items():
        code, above = code_of_branch(case.branches, branch)
        described.append(_description(number, case.label_of(branch), code, above, colours[branch]))
    masks = chain([case.mask], (case.branch_of_voxels == branch for branch in case.segments))
    return hd.seg.Segmentation(
        source_images=source.images,
        pixel_array=source.stack(masks, len(described)),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=described,
        content_label="CORONARIES",
        content_description=f"Lumen of the coronary arteries. {RESEARCH_USE}",
        omit_empty_frames=True,
        **about(case, "segmentation"),
    )
