"""What is evaluated: folders of photos of people, FOLDER/NAME/*.jpg. Pure apart from the disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from stream.config import StreamSettings
from stream.errors import BadImageError
from stream.sources.images_source import IMAGE_SUFFIXES, natural_key, read_image
from workers.engines.engine import U8
from workers.errors import WorkerError

MOST_PHOTOS = 20_000


class PhotosRefused(WorkerError):
    """The photos cannot be evaluated; the message says why and what is needed."""


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """folder: FOLDER/NAME/*.jpg. photos: enrolled of each person; enrolled: of so many people, None: see `evaluate`.

    judged: other photos of the same people, judged instead of theirs in `folder`. strangers: photos of people of whom
    none is enrolled. conditions: worse copies, too. rounds: how many draws; None: one where nothing is left to draw.
    """

    folder: Path
    photos: int = 1
    enrolled: int | None = None
    judged: Path | None = None
    strangers: Path | None = None
    conditions: bool = False
    rounds: int | None = None


Photos = Mapping[str, tuple[Path, ...]]
"""A person's name → their photos, in natural order (2.jpg before 10.jpg)."""


def read_people(folder: Path) -> Photos:
    """The photos of each person; folders without any are left out. Raises PhotosRefused."""
    if not folder.is_dir():
        raise PhotosRefused(f"{folder}: is no folder; one with a folder of photos for each person is needed")
    try:
        own = {entry.name: _photos(entry) for entry in sorted(folder.iterdir(), key=natural_key) if entry.is_dir()}
        beside = _photos(folder)
    except OSError as error:
        raise PhotosRefused(f"{error.filename}: cannot read it: {error.strerror}") from error
    people = {name: photos for name, photos in own.items() if photos}
    if not people:
        hint = f"; {len(beside)} lie in it directly: put each person's into a folder of their own" if beside else ""
        raise PhotosRefused(f"{folder}: there are no photos in FOLDER/NAME/{hint}")
    count = sum(map(len, people.values()))
    if count > MOST_PHOTOS:
        raise PhotosRefused(f"{folder}: has {count} photos; at most {MOST_PHOTOS} are evaluated")
    return people


def read_photo(path: Path) -> U8:
    """The photo, u8 (height, width, 3) BGR, upright. Raises PhotosRefused saying what is wrong with the file."""
    try:
        return np.asarray(read_image(path, StreamSettings(), lambda: False).to_ndarray(format="bgr24"), np.uint8)
    except OSError as error:
        raise PhotosRefused(f"{path}: cannot read it: {error.strerror or error}") from error
    except (BadImageError, cv2.error, av.FFmpegError) as error:
        raise PhotosRefused(f"{path}: {error}") from error


def _photos(folder: Path) -> tuple[Path, ...]:
    found = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    return tuple(sorted(found, key=natural_key))
