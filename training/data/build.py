"""The detector's data set: labelled images and crops in, a YOLO folder out. Pure apart from the disk.

The folder is written aside and renamed, so that there is a whole one or none. Its lists name images relative to
themselves: it can be moved, and a remote of DVC can hold it.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import yaml

from training.data.check import CheckedImage, CheckReport, check
from training.data.compose import (
    Box,
    Cutout,
    FaceBoxer,
    Image,
    crowd_image,
    cutout,
    poor_camera,
    wall,
    webcam_image,
    without_faces,
    zoomed,
)
from training.data.findings import grouped
from training.data.label_words import Vocabulary, read_words, words_of
from training.data.labelled import Labelled, read_image
from training.data.split import PARTS, Split, stratified
from training.data.statistics import PLOTS, data_card, data_version, statistics, write_plots
from training.data.voc import LabelledBox
from training.errors import DatasetError

RECORD = "dataset.json"
IMAGE_WH = (640, 400)
LEAST_ZOOMED_PX = 24
MOST_TILT_DEGREES = 45.0
Crop = tuple[str, Image, Box]  # file's name, u8 HWC BGR, the face in it


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """Where the data comes from and how much of it is made.

    source: a set as Pascal VOC, YOLO or COCO, perhaps with split.json; `split` goes before that, that before the set's
    own parts, and `ratios` (train, val, test) are for when there is none. classes: None for the set's own. crops: a
    folder with a folder of crops for each class, of which `large_faces` images with one large face are made, each
    second one tilted, each third as a poor camera sees it, each fourth before a wall, the others before training images
    without their faces; `crowds` training images get small ones; `yunet`, the face detector's weights, finds the face
    in a crop. zooms: windows cut around labelled objects. rare_repeats: how often a training image with the rarest
    class is listed.
    """

    source: Path
    out: Path
    classes: tuple[str, ...] | None = None
    split: Path | None = None
    ratios: tuple[float, float, float] = (0.8, 0.1, 0.1)
    repair: bool = False
    crops: Path | None = None
    yunet: Path | None = None
    large_faces: int = 320
    crowds: int = 160
    zooms: int = 240
    rare_repeats: int = 2
    seed: int = 7

    def recorded(self) -> dict[str, Any]:
        """What of it decides about the result, for the record."""
        return {
            "split": str(self.split) if self.split else None,
            "ratios": list(self.ratios),
            "repair": self.repair,
            "crops": str(self.crops) if self.crops else None,
            "large_faces": self.large_faces if self.crops else 0,
            "crowds": self.crowds if self.crops else 0,
            "zooms": self.zooms,
            "rare_repeats": self.rare_repeats,
            "seed": self.seed,
        }


def build(settings: BuildSettings) -> dict[str, Any]:
    """Write the YOLO folder with its lists, data.yaml, dataset.json, plots and DATA_CARD.md; return the record.

    An earlier data set in the same place is replaced. Raises DatasetError naming every mistake that `repair` would
    remove, and whatever is missing or in the way.
    """
    _refuse_foreign(settings.out)
    checked = check(settings.source, settings.classes, settings.split)
    if checked.errors and not settings.repair:
        raise DatasetError("\n".join([*grouped(checked.errors), "Repair them, or build with --repair."]))
    if not checked.images:
        raise DatasetError(f"{settings.source}: has no usable image")
    words = _words(settings, checked)
    split = checked.split or _shared_out(checked, settings)
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.out.parent, prefix=f".{settings.out.name}-") as scratch:
        folder = Path(scratch) / "data"
        try:
            record = _Builder(settings, folder, checked, words).write(split)
            _replace(folder, settings.out, Path(scratch))
        except OSError as error:
            raise DatasetError(f"{error.filename or settings.out}: {error.strerror or error}") from error
    return record


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a built data set. Raises DatasetError."""
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError) as error:
        raise DatasetError(f"{folder / RECORD}: not a built data set: {error}") from error
    return record


def _refuse_foreign(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise DatasetError(f"{out}: is not a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / RECORD).is_file():
        raise DatasetError(f"{out}: is not a built data set, so it is not overwritten")


def _replace(folder: Path, target: Path, scratch: Path) -> None:
    if target.exists():
        target.rename(scratch / "old")
    folder.rename(target)


def _shared_out(checked: CheckReport, settings: BuildSettings) -> Split:
    labels = {name: [box.label for box in image.boxes] for name, image in checked.images.items()}
    heads = {name: image.head for name, image in checked.images.items()}
    return stratified(labels, heads, settings.ratios, settings.seed)


def _words(settings: BuildSettings, checked: CheckReport) -> Vocabulary:
    """Of the classes that are built; the set may have words for others, which were not asked for."""
    if settings.classes is None:
        return words_of(settings.source, checked.classes)
    return {label: one for label, one in read_words(settings.source).items() if label in checked.classes}


class _Builder:
    """Writes one data set into an empty folder. One thread."""

    def __init__(self, settings: BuildSettings, folder: Path, checked: CheckReport, words: Vocabulary) -> None:
        self._settings, self._folder, self._checked = settings, folder, checked
        self._classes = checked.classes
        self._words = words
        self._rng = random.Random(settings.seed)
        self._parts: dict[str, list[Labelled]] = {}

    def write(self, split: Split) -> dict[str, Any]:
        images = {part: [self._checked.images[name] for name in names] for part, names in split.items()}
        for part, members in images.items():
            self._parts[part] = [self._copy(part, image) for image in members]
        train = images.get("train", [])
        if not train or not images.get("val"):
            raise DatasetError(f"{self._settings.source}: too few images for the parts train and val")
        rarest = self._rarest(train)
        listed = {part: [item.path for item in items] for part, items in self._parts.items()}
        rare = [item.path for item in self._parts["train"] if any(box.label == rarest for box in item.boxes)]
        listed["train"] += rare * (self._settings.rare_repeats - 1)
        zooms, cutouts = self._zooms(train), self._cutouts()
        faces, crowds = self._large_faces(train, cutouts), self._crowds(train, cutouts)
        self._parts["train"] += zooms + faces + crowds
        listed["train"] += [item.path for item in zooms + faces + crowds]
        self._lists(listed)
        made = {"zooms": len(zooms), "large_faces": len(faces), "crowds": len(crowds), "rarest": rarest}
        return self._record({**made, "rare_repeats": self._settings.rare_repeats})

    def _rarest(self, train: Sequence[CheckedImage]) -> str:
        counts = Counter(box.label for image in train for box in image.boxes)
        return min((name for name in self._classes if counts[name]), key=lambda name: counts[name], default="")

    def _copy(self, part: str, image: CheckedImage) -> Labelled:
        """The image's own bytes: what is measured is what was labelled."""
        path = self._place("images", part, image.path.name)
        shutil.copyfile(image.path, path)
        self._label(part, image.name, image.size_wh, image.boxes)
        return Labelled(path, image.boxes)

    def _draw(self, name: str, image_bgr: Image, boxes: Sequence[LabelledBox]) -> Labelled:
        path = self._place("images", "train", f"{name}.jpg")
        if not cv2.imwrite(str(path), image_bgr, [cv2.IMWRITE_JPEG_QUALITY, 92]):
            raise DatasetError(f"{path}: cannot write it")
        self._label("train", name, (image_bgr.shape[1], image_bgr.shape[0]), boxes)
        return Labelled(path, tuple(boxes))

    def _place(self, kind: str, part: str, name: str) -> Path:
        folder = self._folder / kind / part
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name

    def _label(self, part: str, name: str, size_wh: tuple[int, int], boxes: Sequence[LabelledBox]) -> None:
        width, height = size_wh
        lines = []
        for box in boxes:
            x1, y1, x2, y2 = box.xyxy
            centre = f"{(x1 + x2) / 2 / width:.6f} {(y1 + y2) / 2 / height:.6f}"
            index = self._classes.index(box.label)
            lines.append(f"{index} {centre} {(x2 - x1) / width:.6f} {(y2 - y1) / height:.6f}\n")
        self._place("labels", part, f"{name}.txt").write_text("".join(lines))

    def _zooms(self, train: Sequence[CheckedImage]) -> list[Labelled]:
        pools: dict[str, list[tuple[CheckedImage, LabelledBox]]] = {name: [] for name in self._classes}
        for image in train:
            for box in image.boxes:
                if box.xyxy[3] - box.xyxy[1] >= LEAST_ZOOMED_PX:
                    pools[box.label].append((image, box))
        filled = [pool for pool in pools.values() if pool]
        written = []
        for number in range(self._settings.zooms if filled else 0):
            image, around = self._rng.choice(filled[number % len(filled)])
            cut, kept = zoomed(read_image(image.path), list(image.boxes), around, self._rng, IMAGE_WH)
            written.append(self._draw(f"zoom{number:04d}", cut, kept))
        return written

    def _cutouts(self) -> dict[str, list[Crop]]:
        """For each class that has crops: name, crop and face of as many as are needed, in drawn order."""
        crops, yunet = self._settings.crops, self._settings.yunet
        wanted = max(self._settings.large_faces, self._settings.crowds)
        if crops is None or not wanted:
            return {}
        if yunet is None or not yunet.is_file():
            raise DatasetError(f"{yunet}: images of large faces need YuNet's weights; pass --yunet")
        labels = [name for name in self._classes if (crops / name).is_dir()]
        if not labels:
            raise DatasetError(f"{crops}: has no folder named after a class ({', '.join(self._classes)})")
        boxer = FaceBoxer(yunet)
        found: dict[str, list[Crop]] = {}
        for label in labels:
            paths = sorted((crops / label).iterdir())
            self._rng.shuffle(paths)
            faces = found[label] = []
            for path in paths:
                if len(faces) * len(labels) >= wanted:
                    break
                crop = read_image(path)
                if (face := boxer.one_face(crop)) is not None:
                    faces.append((path.stem, crop, face))
        return found

    def _tilted(self, crop: Image, face: Box) -> Cutout:
        return cutout(crop, face, self._rng.uniform(-MOST_TILT_DEGREES, MOST_TILT_DEGREES))

    def _large_faces(self, train: Sequence[CheckedImage], cutouts: Mapping[str, Sequence[Crop]]) -> list[Labelled]:
        written: list[Labelled] = []
        for number, (label, faces) in enumerate(cutouts.items(), start=1):
            wanted = self._settings.large_faces * number // len(cutouts) - len(written)
            for index, (name, crop, face) in enumerate(faces[:wanted]):
                plain = index % 4 == 3
                chosen = self._rng.choice(train)
                background = wall(self._rng) if plain else without_faces(read_image(chosen.path), chosen.boxes)
                cut = self._tilted(crop, face) if index % 2 else cutout(crop, face)
                drawn, placed = webcam_image(cut, label, background, self._rng)
                if index % 3 == 2:
                    drawn = poor_camera(drawn, self._rng)
                written.append(self._draw(f"webcam_{label}_{name}", drawn, [placed]))
        return written

    def _crowds(self, train: Sequence[CheckedImage], cutouts: Mapping[str, Sequence[Crop]]) -> list[Labelled]:
        pool = [(label, crop, face) for label, faces in cutouts.items() for _, crop, face in faces]
        weights = [1 / len(cutouts[label]) for label, _, _ in pool]
        written = []
        for number in range(self._settings.crowds if pool else 0):
            chosen = self._rng.choice(train)
            drawn = self._rng.choices(pool, weights, k=self._rng.randint(2, 5))
            faces = [(self._tilted(crop, face), label) for label, crop, face in drawn]
            image, boxes = crowd_image(read_image(chosen.path), chosen.boxes, faces, self._rng)
            written.append(self._draw(f"crowd{number:04d}", image, boxes))
        return written

    def _lists(self, listed: dict[str, list[Path]]) -> None:
        for part, paths in listed.items():
            lines = (f"./{path.relative_to(self._folder).as_posix()}\n" for path in paths)
            (self._folder / f"{part}.txt").write_text("".join(lines))
        parts = "".join(f"{part}: {part}.txt\n" for part in PARTS if part in listed)
        spoken = {label: said.model_dump(exclude_none=True) for label, said in self._words.items()}
        said = {"names": dict(enumerate(self._classes)), **({"words": spoken} if spoken else {})}
        (self._folder / "data.yaml").write_text(parts + yaml.safe_dump(said, sort_keys=False))

    def _record(self, made: dict[str, Any]) -> dict[str, Any]:
        record = {
            "version": data_version(self._folder),
            "source": str(self._settings.source),
            "classes": list(self._classes),
            "settings": self._settings.recorded(),
            "parts": statistics(self._parts, self._classes),
            "made": made,
            "findings": [f"{finding} ({finding.remedy})" for finding in self._checked.findings],
        }
        write_plots(self._parts, self._classes, self._folder / PLOTS)
        (self._folder / RECORD).write_text(json.dumps(record, indent=1) + "\n")
        (self._folder / "DATA_CARD.md").write_text(data_card(record))
        return record


def remove_leftovers(out: Path) -> None:
    """Delete what a killed build of the same place left beside it."""
    for path in out.parent.glob(f".{out.name}-*"):
        with suppress(OSError):
            shutil.rmtree(path)
