"""Export of a measured version: graphs, figures as served, gates, complete card. Runs in its own process.

Nothing is put into the models folder that failed a check, lost too much by int8 or missed a gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.data.labelled import Labelled, read_labelled
from training.data.statistics import data_version
from training.errors import ExportError, GateError
from training.evaluation.detection_figures import detection_figures
from training.evaluation.gates import judge
from training.evaluation.served_model import ImagePredictions, open_engine, predict
from training.export.card_words import card_words
from training.export.detector_graph import SHAPES_WH, Shapes
from training.export.drift_reference import reference
from training.export.test_time_augmentation import ONE_VIEW, TtaViews
from training.export.version_folder import FORMATS, GraphSettings, new_version, write_card, write_graphs
from workers.model_card import ModelCard, sha256_of

CHECKED = 12
CARD_FIGURES = ("map50", "map50_95", "intervals", "ap50", "by_size", "at_thresholds", "latency_ms")


@dataclass(frozen=True, slots=True)
class PublishSettings:
    """data: the labelled images that are measured on (`part`) and calibrated on (train). most_lost: mAP50 that int8
    may lose. gates: figure → limit. facts: the card's `data` (sources, recipe)."""

    checkpoint: Path
    data: Path
    models: Path
    name: str
    version: int
    part: str = "val"
    shapes: Shapes = SHAPES_WH
    views: TtaViews = ONE_VIEW
    formats: tuple[str, ...] = FORMATS
    most_lost: float = 0.02
    threshold: float = 0.25
    gates: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    licence: str = "AGPL-3.0"


def publish(settings: PublishSettings) -> ModelCard:
    """Write MODELS/NAME/VERSION. Raises GateError when a gate fails or int8 lost too much, ExportError otherwise."""
    images = read_labelled(settings.data, settings.part)
    calibrate = read_labelled(settings.data, "train") if "int8" in settings.formats else []
    with new_version(settings.models, settings.name, settings.version) as folder:
        card, agrees = write_graphs(_graphs(settings, images, calibrate), folder)
        words = card_words(settings.data, (settings.models, settings.name, settings.version), card.classes)
        thresholds = dict.fromkeys(card.classes, settings.threshold)
        card = card.model_copy(update={"thresholds": thresholds, "words": words})
        write_card(card, folder)
        full, seen = measured(folder, images, "full")
        metrics: dict[str, Any] = {
            "served": f"livesight export: part {settings.part}, OpenVINO at the served shapes",
            "full": _kept(full),
            "agreement": agrees,
        }
        _refuse(settings, full)
        if "int8" in settings.formats:
            small, _ = measured(folder, images, "int8")
            metrics["int8"] = _kept(small)
            metrics["int8_lost"] = _lost(settings, full, small)
        facts = {**settings.facts, **_looks(settings.views), "version": _version(settings.data)}
        facts["checkpoint"] = sha256_of(settings.checkpoint)
        complete = card.model_copy(update={"metrics": metrics, "data": facts, "reference": reference(card, seen)})
        write_card(ModelCard.model_validate(complete.model_dump(by_alias=True)), folder)
    return complete


def measured(folder: Path, images: list[Labelled], precision: str) -> tuple[dict[str, Any], list[ImagePredictions]]:
    """The figures of one graph as served, and what it saw."""
    engine = open_engine(folder, precision, "detect")
    try:
        seen = list(predict(engine, images))
        return {"backend": engine.backend, **detection_figures(engine.card, seen)}, seen
    finally:
        engine.close()


def _graphs(settings: PublishSettings, images: list[Labelled], calibrate: list[Labelled]) -> GraphSettings:
    step = max(1, len(images) // CHECKED)
    return GraphSettings(
        checkpoint=settings.checkpoint,
        name=settings.name,
        version=settings.version,
        checked=tuple(item.path for item in images[::step])[:CHECKED],
        calibrate=tuple(item.path for item in calibrate),
        shapes=settings.shapes,
        views=settings.views,
        formats=settings.formats,
        card={"licence": settings.licence},
    )


def _looks(views: TtaViews) -> dict[str, Any]:
    return {} if views == ONE_VIEW else {"views": views.recorded()}


def _kept(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {key: figures[key] for key in ("backend", *CARD_FIGURES) if key in figures}


def _refuse(settings: PublishSettings, figures: Mapping[str, Any]) -> None:
    failed = [verdict for verdict in judge(settings.gates, figures) if not verdict.passed]
    if failed:
        raise GateError("\n".join([*map(str, failed), f"{settings.name} {settings.version} was not exported"]))


def _lost(settings: PublishSettings, full: Mapping[str, Any], small: Mapping[str, Any]) -> float:
    if full["map50"] is None or small["map50"] is None:
        raise ExportError(f"{settings.data}: no labelled object in part {settings.part}, so nothing can be measured")
    lost: float = round(full["map50"] - small["map50"], 4)
    if lost > settings.most_lost:
        raise GateError(
            f"int8 loses {lost} of mAP50 (limit {settings.most_lost}); export without it (--formats openvino,onnx), "
            "or calibrate on more images"
        )
    return lost


def _version(data: Path) -> str:
    return data_version(data) if (data / "data.yaml").is_file() else "not built by livesight dataset build"
