"""Everything that two scans of one person tell together, as tables and a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label, uniform_filter1d
from scipy.spatial.transform import Rotation

from bundle.common.coordinates import ras_to_lps
from bundle.geometry.core import Branch

from .changes import WINDOWS, Noise, claimed, noise_of
from .places import PLACE_MM, Places, places_of
from .register import Registration, register_trees
from .rigid import apply_rigid

__all__ = ["BRANCH_COLUMNS", "PLACE_COLUMNS", "Change", "Comparison", "compare_trees"]

PLACE_COLUMNS = (
    "branch", "branch_id", "branch_second", "branch_id_second", "first_mm", "second_mm", "diameter_first_mm",
    "diameter_second_mm", "difference_mm", "change_mm", "claimed", "left_out_because", "apart_mm", "x_lps_mm",
    "y_lps_mm", "z_lps_mm",
)  # fmt: skip
BRANCH_COLUMNS = (
    "branch", "branch_id", "branch_second", "branch_id_second", "seen_in", "first_from_mm", "first_to_mm",
    "matched_mm", "compared_mm", "apart_median_mm", "apart_95_mm", "mean_change_mm", "mean_low_mm",
    "mean_high_mm", "claimed_mm", "largest_change_mm", "largest_at_mm",
)  # fmt: skip
_MISSING_MM = 5.0  # of a branch that one scan alone shows
_LOCAL = 5  # places averaged for the largest change
_NOTED_MM = 0.05  # of the offset


@dataclass(frozen=True)
class Change:
    """A claimed change: pair's number, places of it, mean change and its 95 % interval in mm."""

    pair: int
    places: slice
    mean_mm: float
    low_mm: float
    high_mm: float


@dataclass(frozen=True)
class Comparison:
    """Two trees laid on each other and compared.

    first, second: their branches. registration: how they lie. places: of each pair. claims: of each pair
    (N,), 1 wider, -1 narrower, 0 not claimed. noise: what measuring allows.
    """

    first: Sequence[Branch]
    second: Sequence[Branch]
    registration: Registration
    places: list[Places]
    claims: list[np.ndarray]
    noise: Noise

    def change_mm(self, pair: int) -> np.ndarray:
        """Difference of the diameters of a pair less the offset of the scanners, (N,) mm."""
        return self.places[pair].difference_mm - self.noise.offset_mm

    def changes(self) -> list[Change]:
        """All claimed changes."""
        found = []
        for number, said in enumerate(self.claims):
            for sign in (1, -1):
                runs, count = label(said == sign)
                for run in range(1, count + 1):
                    at = np.flatnonzero(runs == run)
                    part = slice(int(at[0]), int(at[-1]) + 1)
                    found.append(Change(number, part, *self._interval(self.change_mm(number)[part])))
        return sorted(found, key=lambda change: (change.pair, change.places.start))

    def _interval(self, change: np.ndarray) -> tuple[float, float, float]:
        """Mean of places in a row, and its 95 % interval."""
        mean, error = float(change.mean()), 1.96 * float(self.noise.of_mean(len(change)))
        return mean, mean - error, mean + error

    def place_rows(self) -> list[dict]:
        """A row a place, the keys being `PLACE_COLUMNS`."""
        rows = []
        for number, own in enumerate(self.places):
            change, compared = self.change_mm(number), own.compared
            for i, at in enumerate(ras_to_lps(own.points)):
                rows.append(
                    self._names(own.first, own.second)
                    | {
                        "first_mm": round(float(own.at_first[i]), 2),
                        "second_mm": round(float(own.at_second[i]), 2),
                        "diameter_first_mm": round(float(own.diameter_first[i]), 3),
                        "diameter_second_mm": round(float(own.diameter_second[i]), 3),
                        "difference_mm": round(float(own.difference_mm[i]), 3),
                        "change_mm": round(float(change[i]), 3) if compared[i] else None,
                        "claimed": {1: "wider", -1: "narrower", 0: ""}[int(self.claims[number][i])],
                        "left_out_because": own.left_out[i],
                        "apart_mm": round(float(own.apart_mm[i]), 3),
                    }
                    | {f"{axis}_lps_mm": round(float(x), 2) + 0.0 for axis, x in zip("xyz", at)}
                )
        return rows

    def _names(self, first: int | None, second: int | None) -> dict:
        return {
            "branch": None if first is None else self.first[first].name,
            "branch_id": first,
            "branch_second": None if second is None else self.second[second].name,
            "branch_id_second": second,
        }

    def branch_rows(self) -> list[dict]:
        """A row a pair, then one for each branch that only one scan shows; keys: `BRANCH_COLUMNS`."""
        rows = [self._pair_row(number) for number in range(len(self.places))]
        paired = {own.first for own in self.places}, {own.second for own in self.places}
        for which, branches in enumerate((self.first, self.second)):
            for number, branch in enumerate(branches):
                if number not in paired[which] and branch.length_mm >= _MISSING_MM:
                    names = self._names(*((number, None) if which == 0 else (None, number)))
                    rows.append(names | {"seen_in": ("first", "second")[which]})
        return rows

    def _pair_row(self, number: int) -> dict:
        own, compared = self.places[number], self.places[number].compared
        row = self._names(own.first, own.second) | {
            "seen_in": "both",
            "first_from_mm": round(float(own.at_first[0]), 2),
            "first_to_mm": round(float(own.at_first[-1]), 2),
            "matched_mm": round(len(own.at_first) * PLACE_MM, 2),
            "compared_mm": round(int(compared.sum()) * PLACE_MM, 2),
            "apart_median_mm": round(float(np.median(own.apart_mm)), 3),
            "apart_95_mm": round(float(np.percentile(own.apart_mm, 95)), 3),
            "claimed_mm": round(int((self.claims[number] != 0).sum()) * PLACE_MM, 2),
        }
        if not compared.any():
            return row
        change = self.change_mm(number)
        keys = ("mean_change_mm", "mean_low_mm", "mean_high_mm")
        row |= {key: round(value, 3) for key, value in zip(keys, self._interval(change[compared]))}
        known = uniform_filter1d(compared.astype(float), _LOCAL, mode="constant")
        local = uniform_filter1d(np.where(compared, change, 0.0), _LOCAL, mode="constant")
        local = np.where(known > 0.5, local / np.maximum(known, 1e-9), 0.0)
        most = int(np.argmax(np.abs(local)))
        if local[most]:
            largest = {"largest_change_mm": round(float(local[most]), 3)}
            row |= largest | {"largest_at_mm": round(float(own.at_first[most]), 2)}
        return row

    def record(self) -> dict:
        """What a person and a program want to know, units in the keys; matrices and places as they say."""
        found = self.registration
        turn = Rotation.from_matrix(found.rigid[:3, :3])
        points = np.concatenate([own.points for own in self.places])
        rigid = apply_rigid(found.rigid, points)
        bent = np.linalg.norm(found.move(points) - rigid, axis=1)
        apart = np.concatenate([own.apart_mm for own in self.places])
        return {
            "rigid_first_to_second_ras_mm": found.rigid.round(6).tolist(),
            "turn_deg": round(float(np.degrees(turn.magnitude())), 2),
            "shift_mm": round(float(np.linalg.norm((rigid - points).mean(axis=0))), 2),
            "bend_median_mm": round(float(np.median(bent)), 2),
            "bend_most_mm": round(float(bent.max()), 2),
            "apart_median_mm": round(float(np.median(apart)), 3),
            "apart_95_mm": round(float(np.percentile(apart, 95)), 3),
            "matched_mm": round(len(apart) * PLACE_MM, 1),
            "length_first_mm": round(sum(branch.length_mm for branch in self.first), 1),
            "length_second_mm": round(sum(branch.length_mm for branch in self.second), 1),
            "offset_mm": round(self.noise.offset_mm, 3),
            "noise_of_a_place_mm": round(self.noise.place_mm, 3),
            "noise_of_a_mean_mm": {f"over_{w}_mm": round(self.noise.mean_mm[w], 3) for w in WINDOWS},
            "least_change_mm": round(self.noise.least_mm, 3),
            "changes": [self._change_row(change) for change in self.changes()],
            "branches": self.branch_rows(),
            "warnings": self._warnings(),
        }

    def _change_row(self, change: Change) -> dict:
        own = self.places[change.pair]
        middle = own.points[(change.places.start + change.places.stop - 1) // 2]
        return self._names(own.first, own.second) | {
            "first_from_mm": round(float(own.at_first[change.places.start]), 2),
            "first_to_mm": round(float(own.at_first[change.places.stop - 1]), 2),
            "diameter_first_mm": round(float(own.diameter_first[change.places].mean()), 3),
            "change_mm": round(change.mean_mm, 3),
            "low_mm": round(change.low_mm, 3),
            "high_mm": round(change.high_mm, 3),
            "middle_lps_mm": [round(float(x), 2) + 0.0 for x in ras_to_lps(middle)],
        }

    def _warnings(self) -> list[str]:
        said = []
        offset = self.noise.offset_mm
        if abs(offset) >= _NOTED_MM:
            size = f"{abs(offset):.2f} mm {'wider' if offset > 0 else 'narrower'}"
            said.append(
                f"the second scan shows the vessels {size} throughout; this is taken for the scanner's, and "
                "a change of the whole tree would look the same"
            )
        shorter = min(sum(branch.length_mm for branch in own) for own in (self.first, self.second))
        matched = sum(len(own.at_first) for own in self.places) * PLACE_MM
        if matched < 0.6 * shorter:
            said.append(f"only {100 * matched / shorter:.0f} % of the shorter tree is found in the other")
        return said


def compare_trees(
    first: Sequence[Branch], second: Sequence[Branch], voxel_mm: float | None = None
) -> Comparison:
    """Lay two trees of one person on each other and compare their calibres.

    Args:
        first: branches, RAS mm, as `read_branches` gives them.
        second: likewise.
        voxel_mm: mean edge of a voxel in the coarser scan, where it is known.

    Raises:
        ValueError: see `register_trees` and `noise_of`.

    Example:
        >>> compare_trees(tree.branches, tree.branches).changes()
        []
    """
    found = register_trees(first, second)
    places = places_of(found, first, second, voxel_mm)
    noise = noise_of(places, voxel_mm)
    return Comparison(first, second, found, places, [claimed(own, noise) for own in places], noise)
