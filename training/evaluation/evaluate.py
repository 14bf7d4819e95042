"""How good a model is as it is served: through its engine, letterbox and shapes. Runs in its own process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from training.data.labelled import Labelled, read_labelled
from training.errors import EvaluationError
from training.evaluation import plots
from training.evaluation.classification_figures import classification_figures, classify, read_crops, worst_crops
from training.evaluation.detection_figures import curves, detection_figures, gain_over
from training.evaluation.error_analysis import worst_images
from training.evaluation.gates import Verdict, judge
from training.evaluation.report import ReportContent, write_report
from training.evaluation.served_model import ImagePredictions, open_engine, predict
from workers.atomic_files import write_text
from workers.model_card import load_card

METRICS, REPORT = "metrics.json", "report.html"


@dataclass(frozen=True, slots=True)
class EvaluateSettings:
    """model: a version's folder. data: labelled images (detector), or a folder of crops for each class (classifier).

    crops: JSON that lists a classifier's crops by part. draws: of the bootstrap.
    """

    model: Path
    data: Path
    out: Path
    part: str = "val"
    crops: Path | None = None
    champion: Path | None = None
    gates: Mapping[str, float] = field(default_factory=dict)
    precision: str = "auto"
    draws: int = 1000


def task_of(model: Path) -> str:
    """The task of a version's folder. Raises ModelError."""
    return load_card(model, verify=False).task


def evaluate(settings: EvaluateSettings) -> tuple[dict[str, Any], list[Verdict]]:
    """Measure, write OUT/metrics.json and OUT/report.html; returns the figures and what the gates say.

    Raises ModelError, EngineError, DatasetError, EvaluationError naming what cannot be used.
    """
    card = load_card(settings.model)
    if card.task not in ("detect", "classify"):
        raise EvaluationError(
            f"{settings.model}: has the task {card.task}; only detectors and classifiers can be evaluated"
        )
    measured = _detector(settings) if card.task == "detect" else _classifier(settings)
    verdicts = judge(settings.gates, measured.figures)
    gates = {item.gate: {"limit": item.limit, "value": item.value, "passed": item.passed} for item in verdicts}
    figures = {**measured.figures, "gates": gates, "passed": all(item.passed for item in verdicts)}
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
        title = f"{card.name} {card.version} on {settings.part}"
        write_report(settings.out / REPORT, title, replace(measured, figures=figures), verdicts)
        write_text(settings.out / METRICS, json.dumps(figures, indent=1) + "\n")
    except OSError as error:
        raise EvaluationError(f"{error.filename or settings.out}: {error.strerror or error}") from error
    return figures, verdicts


def _detector(settings: EvaluateSettings) -> ReportContent:
    images = read_labelled(settings.data, settings.part)
    head, card, seen = _run(settings.model, settings, images)
    figures = {**head, **detection_figures(card, seen, settings.draws)}
    if settings.champion is not None:
        _, champion_card, others = _run(settings.champion, settings, images)
        if champion_card.classes != card.classes:
            raise EvaluationError(
                f"{settings.champion}: its classes differ from the model's: {', '.join(champion_card.classes)}"
            )
        figures["challenge"] = {
            "champion": f"{champion_card.name} {champion_card.version}",
            **gain_over(card, seen, others, settings.draws or 1),
        }
    drawn = {
        "Precision and recall": plots.precision_recall(curves(card, seen)),
        "Reliability": plots.reliability(figures["calibration"]),
        "Confusion": plots.confusion(figures["confusion"]["labels"], figures["confusion"]["matrix"]),
        "By size": plots.bars("mAP50 by size", {key: row["map50"] for key, row in figures["by_size"].items()}, "mAP50"),
        "Latency": plots.bars("Median latency", {key: row["p50"] for key, row in figures["latency_ms"].items()}, "ms"),
    }
    return ReportContent(figures, drawn, worst_images(card, seen))


def _run(
    model: Path, settings: EvaluateSettings, images: list[Labelled]
) -> tuple[dict[str, Any], Any, list[ImagePredictions]]:
    engine = open_engine(model, settings.precision, "detect")
    try:
        seen = list(predict(engine, images))
        head = {"model": engine.card.name, "version": engine.card.version, "task": "detect"}
        return {**head, "backend": engine.backend, "data": str(settings.data), "part": settings.part}, engine.card, seen
    finally:
        engine.close()


def _classifier(settings: EvaluateSettings) -> ReportContent:
    engine = open_engine(settings.model, settings.precision, "classify")
    try:
        answers = classify(engine, read_crops(settings.data, engine.card.classes, settings.part, settings.crops))
        card = engine.card
        head = {"model": card.name, "version": card.version, "task": "classify", "backend": engine.backend}
    finally:
        engine.close()
    own, roc = classification_figures(card, answers, settings.draws)
    part = "all" if settings.crops is None else settings.part
    figures: dict[str, Any] = {**head, "data": str(settings.data), "part": part, **own}
    if settings.champion is not None:
        raise EvaluationError("--champion: only detectors can be compared with a champion")
    drawn = {
        "ROC": plots.roc(roc),
        "Reliability": plots.reliability(figures["calibration"]),
        "Confusion": plots.confusion(figures["confusion"]["labels"], figures["confusion"]["matrix"]),
        "Latency": plots.bars("Median latency", {key: row["p50"] for key, row in figures["latency_ms"].items()}, "ms"),
    }
    return ReportContent(figures, drawn, worst_crops(card, answers))
