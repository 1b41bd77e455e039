"""What a layout finds on disk, the same for every layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bundle.common.errors import InputError

__all__ = ["PARTS", "CaseIndex", "first_few", "same_name"]

PARTS = ("train", "validation", "test")


@dataclass
class CaseIndex:
    """Images and labels by case name, and the parts that the data set itself assigns.

    A case has one image, which `add_image` sees to. That it has one label is checked where labels are needed.

    Attributes:
        layout: its name, for messages.
        images: the path of each case's image.
        labels: the paths of each case's labels.
        assign: of the name of a split, the part of each case that the data set assigns; {} where it has none.
        complete: this is the whole split: a part that it leaves empty stays empty.
        strata: groups of cases, each of which every drawn part should hold in the same proportion.
    """

    layout: str
    images: dict[str, str] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    assign: Callable[[str], dict[str, str]] = lambda split: {}
    complete: bool = False
    strata: dict[str, str] = field(default_factory=dict)

    def add_image(self, case: str, path: Path) -> None:
        """Put ``path`` under ``case``; two images of one case are an `InputError` that names both."""
        if case in self.images:
            raise same_name(case, self.images[case], path)
        self.images[case] = str(path)

    def add_label(self, case: str, path: Path) -> None:
        self.labels.setdefault(case, []).append(str(path))


def same_name(case: str, first: str | Path, second: str | Path) -> InputError:
    return InputError(
        f"two images are called case '{case}', '{first}' and '{second}': rename or remove one, because "
        "results are written under the case's name"
    )


def first_few(names: list[str], limit: int = 3) -> str:
    """``'1', '2', '3' and 4 more``."""
    quoted = ", ".join(f"'{n}'" for n in names[:limit])
    return quoted if len(names) <= limit else f"{quoted} and {len(names) - limit} more"
