"""The classifier's data: a folder of crops for each class, where the face is in each, and the split. Pure apart from
the disk.

The split keeps near-duplicates (training/data/near_duplicates.py) together, so that none is learned from and measured
on. A group in which labels disagree is left out: one of its labels is wrong.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.data.compose import FaceBoxer
from training.data.labelled import Image, read_image
from training.data.labelled_set import IMAGE_SUFFIXES
from training.data.near_duplicates import fingerprint, groups, near_duplicates
from training.data.voc import Box
from training.errors import DatasetError, RunError
from workers.atomic_files import write_text

PARTS = ("train", "val", "test")
SHARES = (0.8, 0.1, 0.1)
SPLIT_FILE = "split.json"
FACES_FILE = "faces.json"


@dataclass(frozen=True, slots=True)
class LabelledCrop:
    """name: "class/file". image_bgr: u8 HWC. face: the one face in it (xyxy, pixels), where it is known."""

    name: str
    label: int
    image_bgr: Image
    face: Box | None = None


@dataclass(frozen=True, slots=True)
class CropSet:
    """The crops of each part. version: a hash of what is in which part, names and bytes."""

    classes: tuple[str, ...]
    parts: Mapping[str, tuple[LabelledCrop, ...]]
    version: str

    def counts(self) -> dict[str, dict[str, int]]:
        """How many crops of each class are in each part."""
        return {
            part: {name: sum(crop.label == index for crop in crops) for index, name in enumerate(self.classes)}
            for part, crops in self.parts.items()
        }


def classes_of(folder: Path) -> tuple[str, ...]:
    """The class folders, by name. Raises DatasetError when there are fewer than two, or one has no image."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    found = tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")))
    if len(found) < 2:
        raise DatasetError(f"{folder}: needs a folder of crops for each of at least two classes; it has {len(found)}")
    for name in found:
        if not images_of(folder / name):
            raise DatasetError(f"{folder / name}: no images in it ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return found


def images_of(folder: Path) -> list[Path]:
    """The images of one class, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def read_crops(folder: Path, out: Path, yunet: Path | None, seed: int) -> CropSet:
    """Read all crops, find their faces, split them; OUT/split.json and OUT/faces.json hold both for the next time.

    Raises DatasetError naming the crop that cannot be read, the class that is missing, or the file that is wrong.
    """
    classes = classes_of(folder)
    paths = [(f"{name}/{path.name}", path) for name in classes for path in images_of(folder / name)]
    images = {name: read_image(path) for name, path in paths}
    split = _split(out / SPLIT_FILE, images, seed)
    faces = _faces(out / FACES_FILE, images, yunet)
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths}
    listing = json.dumps({part: [[name, digests[name]] for name in names] for part, names in split.items()})
    parts = {
        part: tuple(
            LabelledCrop(name, classes.index(name.split("/")[0]), images[name], faces.get(name)) for name in names
        )
        for part, names in split.items()
    }
    for part in PARTS[:2]:
        missing = set(range(len(classes))) - {crop.label for crop in parts[part]}
        if missing:
            names = ", ".join(classes[index] for index in sorted(missing))
            raise DatasetError(f"{folder}: too few crops of {names}: none remain for part {part!r}")
    return CropSet(classes, parts, hashlib.sha256(listing.encode()).hexdigest()[:16])


def split_without_duplicates(images: Mapping[str, Image], seed: int) -> dict[str, list[str]]:
    """Names ("class/file") by part, each class in the shares of SHARES, groups of near duplicates whole."""
    names = list(images)
    prints = [fingerprint(images[name]) for name in names]
    members: defaultdict[int, list[str]] = defaultdict(list)
    for name, head in zip(names, groups(len(names), near_duplicates(prints)), strict=True):
        members[head].append(name)
    split: dict[str, list[str]] = {part: [] for part in PARTS}
    by_label: defaultdict[str, list[list[str]]] = defaultdict(list)
    for group in members.values():
        labels = {name.split("/")[0] for name in group}
        if len(labels) == 1:
            by_label[labels.pop()].append(group)
    for label in sorted(by_label):
        _deal(by_label[label], split, random.Random(f"{seed} {label}"))
    return {part: sorted(found) for part, found in split.items()}


def _deal(own: list[list[str]], split: dict[str, list[str]], rng: random.Random) -> None:
    """Groups in random order, each into the part that lacks most of its share; the largest go where there is most."""
    rng.shuffle(own)
    own.sort(key=len, reverse=True)
    total = sum(len(group) for group in own)
    have: Counter[str] = Counter()
    wanted = dict(zip(PARTS, SHARES, strict=True))
    for group in own:
        part = max(PARTS, key=lambda part: wanted[part] - have[part] / total)
        have[part] += len(group)
        split[part].extend(group)


def read_split(path: Path, known: Mapping[str, object]) -> dict[str, list[str]]:
    """Names by part. Raises DatasetError when it is no split, names what there is not, or names one twice."""
    try:
        found = {part: [str(name) for name in json.loads(path.read_text())[part]] for part in PARTS}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: not a split with {', '.join(PARTS)}: {error}") from error
    counts = Counter(name for names in found.values() for name in names)
    for name, count in counts.items():
        if name not in known:
            raise DatasetError(f"{path}: names {name!r}, which is not among the crops")
        if count > 1:
            raise DatasetError(f"{path}: names {name!r} twice")
    return found


def _split(path: Path, images: Mapping[str, Image], seed: int) -> dict[str, list[str]]:
    if path.is_file():
        return read_split(path, images)
    split = split_without_duplicates(images, seed)
    write_text(path, json.dumps(split, indent=1) + "\n", error=RunError)
    return split


def _faces(path: Path, images: Mapping[str, Image], yunet: Path | None) -> dict[str, Box]:
    """The face of each crop that shows exactly one, as YuNet finds them; none without YuNet's weights."""
    if yunet is None:
        return {}
    if path.is_file():
        return _known_faces(path)
    if not yunet.is_file():
        raise DatasetError(f"{yunet}: no such YuNet weights")
    boxer = FaceBoxer(yunet)
    found = {name: boxer.one_face(image) for name, image in images.items()}
    faces = {name: face for name, face in found.items() if face is not None}
    write_text(path, json.dumps(faces) + "\n", error=RunError)
    return faces


def _known_faces(path: Path) -> dict[str, Box]:
    try:
        entries: dict[str, Sequence[float]] = json.loads(path.read_text())
        return {name: (float(x1), float(y1), float(x2), float(y2)) for name, (x1, y1, x2, y2) in entries.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path}: not a list of boxes by crop; delete it to find them again: {error}") from error
