"""What a part of a mask must be like to stay: the numbers, and what is measured of a part."""

from __future__ import annotations

from dataclasses import asdict, dataclass

__all__ = ["Part", "TreeRule"]


@dataclass(frozen=True)
class TreeRule:
    """The numbers of `keep_trees`; configs/modes/native.yaml has those in use.

    vein_margin: voxels whose probability of cardiac vein is by more than this above that of lumen go.
    root_mm: from the aorta or a blood pool, within which a tree begins.
    aorta_mm: around where the longest tree begins, the part of the aorta that counts; from the arch and the
        descending aorta other arteries come.
    max_roots: trees at most; a left and a right one, and an ostium apart.
    least_root_mm: centreline of a part that can be a tree.
    max_gap_mm: of empty space that is bridged; 0 bridges none.
    facing: least cosine between the direction of both ends and the way from one to the other.
    facing_side: the same of an end that points at another vessel's side.
    way_mm: length of a way along which a detached piece is joined where the probability is low; 0 joins none.
    way_probability: of lumen, at least, all along such a way.
    way_vein: part of the probability of cardiac vein that counts as much there.
    far_mm: from this part of the aorta, pools and all that is kept, beyond which a part goes.
    detached_mm: centreline of a piece that is kept without a root, at least.
    detached_probability: mean probability of lumen less that of vein along its centreline, at least.
    detached_brightness: its attenuation along its centreline, as a part of the way from fat to that of the
        trees, at least; only where there is an image.
    fat: attenuation of fat, in the image's units.
    detached_elongation: its length over its width, at least.
    widest_mm: its mean diameter, at most.
    speck_mm3: volume under which a part is not looked at, and goes.
    backward_facing: a branch leaves backwards if the cosine between its direction and its parent's is less.
    backward_vein: it goes where the mean probability of cardiac vein along it is at least this.
    backward_mm: length of such a branch with all that hangs on it, at least.
    """

    vein_margin: float
    root_mm: float
    aorta_mm: float
    max_roots: int
    least_root_mm: float
    max_gap_mm: float
    facing: float
    facing_side: float
    way_mm: float
    way_probability: float
    way_vein: float
    far_mm: float
    detached_mm: float
    detached_probability: float
    detached_elongation: float
    widest_mm: float
    speck_mm3: float
    detached_brightness: float
    fat: float
    backward_facing: float
    backward_vein: float
    backward_mm: float

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 0 and name not in ("fat", "backward_facing"):
                raise ValueError(f"{name} must be 0 or more, got {value}.")


@dataclass
class Part:
    """A connected part of a mask.

    length_mm: of its centreline; width_mm: diameter of the cylinder with its length and volume.
    probability, vein: means along the centreline; at_lps_mm: mean place.
    """

    length_mm: float
    volume_mm3: float
    width_mm: float
    probability: float
    vein: float
    at_lps_mm: list[float]

    def is_vessel(self, rule: TreeRule) -> bool:
        """Whether it is long, slim, tubular and sure enough to be kept without a root."""
        return (
            self.length_mm >= rule.detached_mm
            and self.width_mm <= rule.widest_mm
            and self.length_mm >= rule.detached_elongation * self.width_mm
            and self.probability - self.vein >= rule.detached_probability
        )
