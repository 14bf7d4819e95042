"""Reads a folder of images and the CSV of captions of some of them. Runs on the calling thread."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from training.data.labelled_set import IMAGE_SUFFIXES
from training.errors import DatasetError

_COLUMNS = ("image", "text")
_LONGEST = 1000
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class CaptionedFolder:
    """texts: the caption of each captioned image, in the order of their names; new: images without one."""

    folder: Path
    texts: dict[str, str]
    new: tuple[str, ...]


def words_of(text: str) -> list[str]:
    """The words of a caption, in lower case, in order."""
    return [word.lower() for word in _WORD.findall(text)]


def read_captions(folder: Path, captions: Path) -> CaptionedFolder:
    """Raises DatasetError naming the file, and the line that is wrong."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: is no folder")
    images = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise DatasetError(f"{folder}: has no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    texts = _texts(captions, set(images))
    ordered = {name: texts[name] for name in images if name in texts}
    return CaptionedFolder(folder, ordered, tuple(name for name in images if name not in texts))


def write_captions(path: Path, rows: list[tuple[str, str, tuple[str, ...]]]) -> None:
    """image, text, tags (separated by spaces). Raises DatasetError where it cannot be written."""
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow((*_COLUMNS, "tags"))
            writer.writerows((name, text, " ".join(tags)) for name, text, tags in rows)
    except OSError as error:
        raise DatasetError(f"{path}: cannot write it: {error.strerror or error}") from error


def _texts(captions: Path, images: set[str]) -> dict[str, str]:
    """Several captions of an image are one text."""
    found: dict[str, str] = {}
    try:
        with captions.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise DatasetError(f"{captions}: has no column {missing[0]}; the first line must name image and text")
            for row in reader:
                name, text = ((row.get(column) or "").strip() for column in _COLUMNS)
                where = f"{captions}, line {reader.line_num}"
                if name not in images:
                    raise DatasetError(f"{where}: the folder has no image {name!r}")
                if not words_of(text) or len(text) > _LONGEST:
                    raise DatasetError(f"{where}: the text must have words, and at most {_LONGEST} characters")
                found[name] = f"{found[name]} {text}" if name in found else text
    except OSError as error:
        raise DatasetError(f"{captions}: cannot read it: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{captions}: not a CSV file in UTF-8: {error}") from error
    return found
