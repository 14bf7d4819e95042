"""From a checkpoint to a folder that serves: graphs, checks, card. Runs in its own process. Needs the extra `train`.

A version is written aside, flushed to the disk and renamed: a process that is killed or a disk that is full leaves no
folder that loads.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import openvino as ov

from training.data.labelled import read_image
from training.errors import ExportError
from training.export.detector_graph import (
    PAD_VALUE,
    SHAPES_WH,
    Exported,
    Shapes,
    agreement,
    check_slots,
    exported,
    quantized,
    served,
)
from training.export.test_time_augmentation import ONE_VIEW, TtaViews
from workers.atomic_files import sync_folder
from workers.engines.precision import GRAPH, GRAPH_INT8
from workers.model_card import CARD_FILE, ModelCard, sha256_of

ONNX = "model.onnx"
SLOTS = 4
FORMATS = ("openvino", "onnx", "int8")


@dataclass(frozen=True, slots=True)
class GraphSettings:
    """What to make of a checkpoint. calibrate: training images that int8 is calibrated on; checked: images that
    slots and agreement are checked on."""

    checkpoint: Path
    name: str
    version: int
    checked: tuple[Path, ...]
    calibrate: tuple[Path, ...] = ()
    shapes: Shapes = SHAPES_WH
    views: TtaViews = ONE_VIEW
    formats: tuple[str, ...] = FORMATS
    card: Mapping[str, Any] = field(default_factory=lambda: {"licence": "AGPL-3.0"})


def write_graphs(settings: GraphSettings, folder: Path) -> tuple[ModelCard, dict[str, Any]]:
    """Write the graphs of one version and a card without figures; returns the card and how the graph agrees.

    Raises ExportError when a check fails.
    """
    with tempfile.TemporaryDirectory(prefix="livesight-export-") as scratch:
        model = exported(settings.checkpoint, Path(scratch), settings.shapes, "onnx" in settings.formats)
        images = [read_image(path)[:, :, ::-1].copy() for path in settings.checked[:SLOTS]]
        if len(images) < SLOTS:
            raise ExportError(f"only {len(images)} images to check the export on; at least {SLOTS} are needed")
        check_slots(model.graph, images, settings.shapes)
        agrees = agreement(model, settings.checked, settings.shapes)
        if settings.views != ONE_VIEW:  # what agrees is the network that looks several times then
            model = replace(model, graph=served(model.raw, settings.views))
            check_slots(model.graph, images, settings.shapes)
        _save(settings, model, folder)
    card = ModelCard(
        name=settings.name,
        version=settings.version,
        task="detect",
        classes=model.classes,
        shapes_wh=settings.shapes,
        pad_value=PAD_VALUE,
        files={path.name: sha256_of(path) for path in sorted(folder.iterdir())},
        **settings.card,
    )
    write_card(card, folder)
    return card, agrees


def _save(settings: GraphSettings, model: Exported, folder: Path) -> None:
    ov.save_model(model.graph, folder / GRAPH, compress_to_fp16=True)
    if model.onnx is not None:
        shutil.copyfile(model.onnx, folder / ONNX)
    if "int8" in settings.formats:
        if not settings.calibrate:
            raise ExportError("int8 needs training images to calibrate on; the data has none")
        small = quantized(model.graph, settings.calibrate, settings.shapes[0])
        check_slots(small, [read_image(path)[:, :, ::-1].copy() for path in settings.checked[:SLOTS]], settings.shapes)
        ov.save_model(small, folder / GRAPH_INT8, compress_to_fp16=True)


def write_card(card: ModelCard, folder: Path) -> None:
    """Write card.json."""
    (folder / CARD_FILE).write_text(card.model_dump_json(by_alias=True, indent=1) + "\n")


@contextmanager
def new_version(models: Path, name: str, version: int) -> Iterator[Path]:
    """A folder to write a version into; it becomes MODELS/NAME/VERSION when the block ends well, else nothing is left.

    Raises ExportError when the version exists or the disk refuses.
    """
    target = models / name / str(version)
    if target.exists():
        raise ExportError(f"{target}: already exists, and a version is never overwritten; choose another --version")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target.parent)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as scratch:
            folder = Path(scratch) / str(version)
            folder.mkdir()
            yield folder
            _flush(folder)
            folder.rename(target)
            sync_folder(target.parent)
    except OSError as error:
        raise ExportError(f"{error.filename or target}: cannot write it: {error.strerror or error}") from error


def _remove_leftovers(folder: Path) -> None:
    """What killed exports left; they are hidden and have no digit for a name, so nothing ever loaded them."""
    for path in folder.glob(".export-*"):
        shutil.rmtree(path, ignore_errors=True)


def _flush(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    sync_folder(folder)
