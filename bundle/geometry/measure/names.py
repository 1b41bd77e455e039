"""Names of coronary branches from where they run in the patient."""

from __future__ import annotations

import numpy as np

from bundle.common.polylines import arc_length, at_length
from bundle.geometry.core import Branch, Tree, make_branch

__all__ = ["UNKNOWN", "Namer", "name_branches"]

UNKNOWN = "unknown"
_MAIN_TREE_MM = 40.0  # a smaller piece of tree is not named
_MAIN_REACH_MM = 25.0  # a child that reaches less far is no LAD, LCx or ramus
_USUAL_APEX = np.array([-0.55, 0.50, -0.67])  # base to apex in RAS, an ordinary heart
_USUAL_APEX /= np.linalg.norm(_USUAL_APEX)


class _Walker:
    """Questions about the segments of a tree, all in RAS mm."""

    def __init__(self, tree: Tree):
        self.tree, self.apex, segments = tree, _USUAL_APEX, tree.segments
        self.children = [tree.children(i) for i in range(len(segments))]
        self.reach = [0.0] * len(segments)  # longest way from a segment's start to a tip
        for i in reversed(range(len(segments))):
            behind = max((self.reach[d] for d in self.children[i]), default=0.0)
            self.reach[i] = segments[i].length_mm + behind

    def far_path(self, segment: int) -> np.ndarray:
        """Points from a segment's start along the longest way to a tip."""
        points = [self.tree.segments[segment].points]
        while self.children[segment]:
            segment = max(self.children[segment], key=self.reach.__getitem__)
            points.append(self.tree.segments[segment].points[1:])
        return np.concatenate(points)

    def heading(self, segment: int, first_mm: float, last_mm: float) -> np.ndarray:
        """From the segment's start to the mean of what lies `first_mm` to `last_mm` further on, mm."""
        path = self.far_path(segment)
        total = arc_length(path)[-1]
        where = np.linspace(min(first_mm, 0.5 * total), min(last_mm, total), 20)
        return at_length(path, path, where).mean(axis=0) - path[0]

    def unit_heading(self, segment: int, first_mm: float, last_mm: float) -> np.ndarray:
        heading = self.heading(segment, first_mm, last_mm)
        return heading / max(np.linalg.norm(heading), 1e-9)

    def arrival(self, segment: int) -> np.ndarray:
        """Unit direction over the last 5 mm of a segment (and of its parent, where it is shorter)."""
        points = self.tree.segments[segment].points
        parent = self.tree.segments[segment].parent
        if parent >= 0:
            points = np.concatenate([self.tree.segments[parent].points[:-1], points])
        total = arc_length(points)[-1]
        direction = points[-1] - at_length(points, points, np.array([max(total - 5.0, 0.0)]))[0]
        return direction / max(np.linalg.norm(direction), 1e-9)

    def radius_ahead(self, segment: int) -> float:
        """Median radius of a segment where no bifurcation disturbs it."""
        part = self.tree.segments[segment]
        free = part.radius[~part.junction]
        return float(np.median(free if len(free) else part.radius))

    def follow(self, segment: int, apex_weight: float) -> list[int]:
        """The segments of the vessel that goes on from `segment`.

        At each bifurcation the straightest, thickest, longest child; `apex_weight` adds (LAD) or takes off
        (LCx and RCA, which stay in the atrioventricular groove) what turns to the apex.
        """
        path = [segment]
        while self.children[path[-1]]:
            options = self.children[path[-1]]
            arrival = self.arrival(path[-1])
            thickest = max(self.radius_ahead(d) for d in options)
            longest = max(self.reach[d] for d in options)

            def score(child: int, arrival=arrival, thickest=thickest, longest=longest) -> float:
                return (
                    float(arrival @ self.unit_heading(child, 2.0, 10.0))
                    + 1.5 * self.radius_ahead(child) / thickest
                    + 1.0 * self.reach[child] / longest
                    + apex_weight * float(self.unit_heading(child, 5.0, 25.0) @ self.apex)
                )

            path.append(max(options, key=score))
        return path


def _confidence(margin: float, scale: float) -> float:
    """Confidence from a margin: 0.5 for none, 0.82 at one `scale`, towards 1."""
    return float(1.0 - 0.5 * np.exp(-max(margin, 0.0) / scale))


class Namer:
    """Names for the segments of one case, by `name(tree)`: {segment: (name, confidence)}."""

    def __init__(self, tree: Tree):
        self.tree = tree
        self.walker = _Walker(tree)
        self.names: dict[int, tuple[str, float]] = {}

    def name(self) -> dict[int, tuple[str, float]]:
        left, right, side_confidence = self._sides()
        mains = None if left is None else self._name_left(left, side_confidence)
        if mains is not None:
            circumflex, lad_end, confidence = mains
            base = [self.tree.segments[r].points[0] for r in (left, right) if r is not None]
            axis = self.tree.segments[lad_end].points[-1] - np.mean(base, axis=0)
            self.walker.apex = axis / max(np.linalg.norm(axis), 1e-9)
            self._name_circumflex(circumflex, confidence)
        if right is not None:
            self._name_right(right, side_confidence)
        return self.names

    def _sides(self) -> tuple[int | None, int | None, float]:
        """Root segments of the left and the right tree, and the confidence of the sides."""
        roots = [i for i, s in enumerate(self.tree.segments) if s.parent < 0]
        segments = self.tree.segments
        roots = [r for r in roots if self.walker.reach[r] >= _MAIN_TREE_MM]
        own = {r: [s.points for s in segments if s.tree == segments[r].tree] for r in roots}
        points = {root: np.concatenate(parts) for root, parts in own.items()}
        roots = sorted(roots, key=lambda r: -len(points[r]))[:2]
        if not roots:
            return None, None, 0.0
        # The right ostium lies to the right and in front of the left one, and so does the right tree's bulk.
        place = {r: float(segments[r].points[0][:2].sum() + points[r].mean(axis=0)[0]) for r in roots}
        if len(roots) == 2:
            left, right = sorted(roots, key=place.get)
            return left, right, _confidence(place[right] - place[left], 12.0)
        only = roots[0]
        lean = float(points[only].mean(axis=0)[0] - segments[only].points[0][0]) + 6.0
        return (only, None, _confidence(-lean, 6.0)) if lean < 0 else (None, only, _confidence(lean, 6.0))

    def _call(self, segments: list[int], name: str, confidence: float) -> None:
        for segment in segments:
            self.names[segment] = (name, round(confidence, 2))

    def _mains_after(self, segment: int) -> list[int]:
        """Long children at the end of the left main, a short stem between two of them being passed over."""
        mains = []
        for child in self.walker.children[segment]:
            inner = [d for d in self.walker.children[child] if self.walker.reach[d] >= _MAIN_REACH_MM]
            if self.tree.segments[child].length_mm < 6.0 and len(inner) >= 2:
                mains += inner
            elif self.walker.reach[child] >= _MAIN_REACH_MM:
                mains.append(child)
        return mains

    def _name_left(self, root: int, side_confidence: float) -> tuple[int, int, float] | None:
        """LM, LAD with its branches, ramus. Returns the LCx's first, the LAD's last segment, a confidence."""
        walker = self.walker
        trunk = [root]
        while len(self._mains_after(trunk[-1])) < 2 and walker.children[trunk[-1]]:
            trunk.append(max(walker.children[trunk[-1]], key=walker.reach.__getitem__))
        mains = self._mains_after(trunk[-1])
        if len(mains) < 2:
            return None
        # In front runs the LAD, behind the LCx, between them a ramus.
        front = {m: float(walker.heading(m, 8.0, 45.0)[1]) for m in mains}
        mains = sorted(mains, key=front.get)
        circumflex, lad = mains[0], mains[-1]
        confidence = side_confidence * _confidence(front[lad] - front[circumflex], 6.0)
        self._call(trunk, "LM", side_confidence)
        stems = {self.tree.segments[main].parent for main in mains} - set(trunk)
        self._call(sorted(stems), "LM", side_confidence)
        lad_path = walker.follow(lad, apex_weight=0.6)
        self._call(lad_path, "LAD", confidence)
        for main in mains[1:-1]:
            self._call(walker.follow(main, 0.0), "RI", 0.8 * confidence)
        self._lad_sides(lad_path, confidence)
        return circumflex, lad_path[-1], confidence

    def _lad_sides(self, path: list[int], confidence: float) -> None:
        """Diagonals go to the left and far; septals are short and turn right, into the septum."""
        count = {"D": 0, "S": 0}
        for side in self._sides_of(path):
            to_the_right = float(self.walker.unit_heading(side, 4.0, 15.0)[0])
            lean = to_the_right + 0.03 * (25.0 - self.walker.reach[side])
            kind = "S" if lean > 0 else "D"
            count[kind] += 1
            name = f"{kind}{count[kind]}"
            self._call(self.walker.follow(side, 0.0), name, 0.9 * confidence * _confidence(abs(lean), 0.3))

    def _sides_of(self, path: list[int]) -> list[int]:
        """Unnamed children along a path, in order from its start."""
        return [d for s in path for d in self.walker.children[s] if d not in path and d not in self.names]

    def _name_circumflex(self, start: int, confidence: float) -> None:
        path = self.walker.follow(start, apex_weight=-1.2)
        self._call(path, "LCx", confidence)
        for number, side in enumerate(self._sides_of(path), 1):
            towards_apex = float(self.walker.unit_heading(side, 5.0, 25.0) @ self.walker.apex)
            name = f"OM{number}"
            self._call(self.walker.follow(side, 0.0), name, 0.9 * confidence * _confidence(towards_apex, 0.4))

    def _start_mm(self, segment: int) -> float:
        """Way from the ostium to a segment's start."""
        above = self.tree.segments[segment].parent
        return 0.0 if above < 0 else self._start_mm(above) + self.tree.segments[above].length_mm

    def _ancestors(self, segment: int) -> list[int]:
        """Segments from the ostium to a segment's parent."""
        above = self.tree.segments[segment].parent
        return [] if above < 0 else [*self._ancestors(above), above]

    def _find_pda(self, root: int) -> int | None:
        """The vessel that leaves the back of the right tree, far from and behind its ostium, to the apex."""
        walker, segments = self.walker, self.tree.segments
        members = [i for i, s in enumerate(segments) if s.tree == segments[root].tree and s.parent >= 0]
        if not members:
            return None
        hindmost = min(float(segments[i].points[0][1]) for i in members)
        best, best_score = None, 0.0
        for segment in members:
            start = float(segments[segment].points[0][1])
            place, behind = start - hindmost, float(segments[root].points[0][1]) - start
            far, reach = self._start_mm(segment), walker.reach[segment]
            if far < max(60.0, 0.4 * walker.reach[root]) or place > 18.0 or behind < 10.0 or reach < 12.0:
                continue
            turn = float(walker.unit_heading(segment, 5.0, 35.0) @ walker.apex)
            score = (turn - 0.1) * np.sqrt(reach) * np.exp(-place / 15.0)
            if score > best_score:
                best, best_score = segment, score
        return best

    def _name_right(self, root: int, side_confidence: float) -> None:
        """RCA to the crux; there the PDA, which turns to the apex, and PLVs, which go on behind the heart."""
        walker = self.walker
        pda = self._find_pda(root)
        path = walker.follow(root, apex_weight=-1.0) if pda is None else self._ancestors(pda)
        self._call(path, "RCA", side_confidence)
        crux_mm = self._start_mm(path[-1]) + self.tree.segments[path[-1]].length_mm
        if pda is not None:
            self._call(walker.follow(pda, 0.5), "PDA", 0.85 * side_confidence)
        counts = {"PLV": 0, "AM": 0, "CB": 0}
        sides = self._sides_of(path)
        for side in sorted(sides, key=self._start_mm):
            heading, start = walker.unit_heading(side, 4.0, 20.0), self._start_mm(side)
            if pda is not None and start > crux_mm - 25.0 and start > 60.0:
                continue
            is_conus = start < 30.0 and heading[1] > 0.4 and heading[2] > -0.3
            kind, part = ("CB", 0.7) if is_conus else ("AM", 0.75)
            counts[kind] += 1
            name = kind if kind == "CB" and counts[kind] == 1 else f"{kind}{counts[kind]}"
            self._call(walker.follow(side, 0.0), name, part * side_confidence)
        for side in sorted((s for s in sides if s not in self.names), key=self._start_mm, reverse=True):
            counts["PLV"] += 1
            name = "PLV" if counts["PLV"] == 1 else f"PLV{counts['PLV']}"
            self._call(walker.follow(side, 0.0), name, 0.8 * side_confidence)


def name_branches(tree: Tree, min_confidence: float = 0.5) -> Tree:
    """Group the tree's segments to branches and name them, in place; returns the tree.

    LM, LAD, D1.., S1.., RI, LCx, OM1.., RCA, CB, AM1.., PDA, PLV.. by their course in patient space
    (RAS): the right tree lies to the right and in front of the left one, the LAD in front of the LCx and
    towards the apex, LCx and RCA in the atrioventricular groove. Every name has a confidence in 0..1; a
    branch that nothing tells apart, or under `min_confidence`, is "unknown".

    Source of the scheme: SCCT segments (Leipsic et al., JCCT 2014), without their numbers.

    Example:
        >>> tree = name_branches(tree)
        >>> [(branch.name, len(branch.segments)) for branch in tree.branches]
        [('...', 1)]
    """
    names = Namer(tree).name()
    names = {s: n if n[1] >= min_confidence else (UNKNOWN, n[1]) for s, n in names.items()}
    tree.branches = _group(tree, names)
    return tree


def _group(tree: Tree, names: dict[int, tuple[str, float]]) -> list[Branch]:
    """Runs of segments of one name; unnamed ones follow their straightest unnamed child."""
    walker = _Walker(tree)
    branch_of: dict[int, int] = {}
    branches: list[Branch] = []
    for segment, part in enumerate(tree.segments):
        if segment in branch_of:
            continue
        name, confidence = names.get(segment, (UNKNOWN, 0.0))
        run = [segment]
        while onward := [d for d in walker.children[run[-1]] if names.get(d, (UNKNOWN, 0.0))[0] == name]:
            run.append(max(onward, key=walker.reach.__getitem__))
        parent = branch_of.get(part.parent, -1)
        branch_of |= dict.fromkeys(run, len(branches))
        branches.append(make_branch(tree, run, name, confidence, parent))
    return branches
