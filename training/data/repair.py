"""Repairs a checked data set: faults are corrected in place, removed files are moved aside.

Pure apart from the disk. Removed files go to SOURCE/removed/, corrected annotations leave their original there.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from training.data.check import CheckReport
from training.data.findings import DatasetFinding
from training.data.voc import write_voc
from training.errors import DatasetError

REMOVED = "removed"
_FILE_LEAVES = frozenset({"no image", "unreadable image", "bad annotation", "duplicate", "leak"})
_CONTENT_CHANGES = frozenset({"unknown class", "bad box", "empty box", "outside", "size differs"})


def repair(source: Path, checked: CheckReport, split: Path | None = None) -> int:
    """Apply every remedy to the folder; returns the number of files changed or removed.

    Raises DatasetError for a set that is not Pascal VOC, and when the folder cannot be written; what was done until
    then stays done.
    """
    if checked.format != "Pascal VOC":
        raise DatasetError(
            f"{source}: only Pascal VOC is repaired in place; of a {checked.format} set `livesight dataset build "
            "--repair` builds what is left"
        )
    leaving = {finding.file.stem for finding in checked.findings if finding.kind in _FILE_LEAVES}
    changing = {finding.file.stem for finding in checked.findings if _changes(finding)} - leaving
    try:
        for name in sorted(leaving):
            for path in [*(source / "images").glob(f"{name}.*"), source / "annotations" / f"{name}.xml"]:
                _aside(source, path, keep=False)
        for name in sorted(changing & set(checked.images)):
            path = source / "annotations" / f"{name}.xml"
            _aside(source, path, keep=True)
            image = checked.images[name]
            write_voc(path, image.path.name, image.size_wh, image.boxes)
        if checked.split is not None:
            _write_split(source, split or source / "split.json", checked)
    except OSError as error:
        raise DatasetError(f"{error.filename or source}: cannot repair it: {error.strerror or error}") from error
    return len(leaving) + len(changing)


def _changes(finding: DatasetFinding) -> bool:
    return finding.kind in _CONTENT_CHANGES


def _aside(source: Path, path: Path, keep: bool) -> None:
    if not path.exists():
        return
    target = source / REMOVED / path.parent.name / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if keep:
        shutil.copy2(path, target)
    else:
        os.replace(path, target)


def _write_split(source: Path, path: Path, checked: CheckReport) -> None:
    text = json.dumps(checked.split, indent=1) + "\n"
    if json.loads(path.read_text()) == checked.split:
        return
    _aside(source, path, keep=True)
    aside = path.with_suffix(".json.part")
    aside.write_text(text)
    os.replace(aside, path)
