"""What a check of a data set finds, one by one and grouped for reading. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal[
    "bad annotation", "no image", "unreadable image", "no annotation", "unknown class", "bad box", "empty box",
    "outside", "crowd", "size differs", "duplicate", "leak", "split: unknown image", "split: twice", "split: left out",
]  # fmt: skip
WARNINGS: frozenset[Kind] = frozenset({"no annotation", "crowd", "size differs", "duplicate", "split: left out"})
_MOST_CLASSES = 5


@dataclass(frozen=True, slots=True)
class DatasetFinding:
    """One fault. object: counted from 1; None for the whole file. remedy: what a repair does.

    label: of an unknown class its name.
    """

    kind: Kind
    file: Path
    message: str
    remedy: str
    object: int | None = None
    label: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether it has to be repaired before training."""
        return self.kind not in WARNINGS

    @property
    def level(self) -> str:
        """error or warning."""
        return "error" if self.is_error else "warning"

    def __str__(self) -> str:
        where = f"{self.file}: object {self.object}" if self.object is not None else str(self.file)
        return f"{where}: {self.kind}: {self.message}"


def grouped(findings: Iterable[DatasetFinding]) -> list[str]:
    """A line for each kind of fault, errors first: how many, in how many files, the first of them."""
    kinds: dict[Kind, list[DatasetFinding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    ordered = sorted(kinds.values(), key=lambda found: (not found[0].is_error, -len(found), found[0].kind))
    return [f"{found[0].level}: {_line(found)}" for found in ordered]


def _line(found: list[DatasetFinding]) -> str:
    if len(found) == 1:
        return str(found[0])
    files = len({finding.file for finding in found})
    many = f"{len(found)} × {found[0].kind}" + (f" in {files} files" if files > 1 else "")
    return f"{many}{_classes(found)}; the first: {found[0]}"


def _classes(found: list[DatasetFinding]) -> str:
    counts = Counter(finding.label for finding in found if finding.label is not None)
    named = ", ".join(f"{label!r} {count}" for label, count in counts.most_common(_MOST_CLASSES))
    more = f" and {len(counts) - _MOST_CLASSES} more" if len(counts) > _MOST_CLASSES else ""
    return f" ({named}{more})" if named else ""
