"""From a classifier's run to a version that serves: graphs, checks, figures as served, gates, card.

The part `test` is looked at here, once, through the engine and the letterbox that serve. Runs on the calling thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from training.classifier.augmentation import PAD_VALUE
from training.classifier.crops import SPLIT_FILE, CropSet, LabelledCrop, read_crops
from training.classifier.drift_reference import reference
from training.classifier.runs import ClassifierRun, open_run
from training.errors import ExportError, GateError
from training.evaluation.classification_figures import Answer, classification_figures
from training.evaluation.gates import judge
from training.evaluation.served_model import as_frame, open_engine, probabilities
from training.export.card_words import card_words
from training.export.version_folder import new_version, write_card
from workers.engines.letterbox import Letterbox
from workers.images.crops import crop_region
from workers.model_card import ModelCard, sha256_of

KEPT = ("images", "accuracy", "f1", "auc", "per_class", "confusion", "calibration", "latency_ms", "intervals")


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """run: the folder of a run of `train classifier`. data, yunet: as for it. formats: empty for all that the run
    has. most_lost: accuracy that int8 may lose."""

    run: Path
    data: Path
    models: Path
    name: str
    version: int
    yunet: Path | None = None
    applies_to: tuple[str, ...] | Literal["image"] = "image"
    formats: tuple[str, ...] = ()
    most_lost: float = 0.005
    gates: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    licence: str = "AGPL-3.0"


def export(settings: ExportSettings) -> ModelCard:
    """Write MODELS/NAME/VERSION. Raises GateError when a gate fails or int8 lost too much, ExportError otherwise."""
    run = open_run(settings.run)
    formats = settings.formats or run.formats
    crops = _checked_crops(settings, run, formats)
    trained = run.settings
    size, margin = trained["size"], trained["margin"]
    with new_version(settings.models, settings.name, settings.version) as folder:
        agrees = run.write(folder, formats, crops.parts)
        card = ModelCard(
            name=settings.name,
            version=settings.version,
            task="classify",
            classes=crops.classes,
            shapes_wh=((size, size),),
            pad_value=PAD_VALUE,
            applies_to=settings.applies_to,
            crop_margin=0.0 if settings.applies_to == "image" else margin,
            files={path.name: sha256_of(path) for path in sorted(folder.iterdir())},
            licence=settings.licence,
            words=card_words(settings.data, (settings.models, settings.name, settings.version), crops.classes),
        )
        write_card(card, folder)
        metrics, seen = _measured(settings, "int8" in formats, folder, crops.parts["test"], margin)
        val = {key: round(value, 4) for key, value in run.val.items()}
        facts = {
            **settings.facts,
            "crops": crops.counts(),
            "version": crops.version,
            "start_weights": run.start_weights,
            "training": {key: value for key, value in trained.items() if key not in ("data", "out", "yunet")},
        }
        updates = {
            "metrics": {**metrics, "val": val, "agreement": agrees},
            "data": facts,
            "reference": reference(card, seen),
        }
        card = card.model_copy(update=updates)
        write_card(ModelCard.model_validate(card.model_dump(by_alias=True)), folder)
    return card


def _checked_crops(settings: ExportSettings, run: ClassifierRun, formats: Sequence[str]) -> CropSet:
    """The crops that the run was trained on. Raises ExportError when they, or the formats, do not fit the run."""
    if not (settings.run / SPLIT_FILE).is_file():
        raise ExportError(f"{settings.run / SPLIT_FILE}: missing, so no crops are held out to measure on")
    if unknown := set(formats) - set(run.formats):
        backbone = run.settings["backbone"]
        raise ExportError(f"{backbone}: cannot be exported as {', '.join(sorted(unknown))}; its graph is OpenVINO's")
    crops = read_crops(settings.data, settings.run, settings.yunet, run.settings["seed"])
    if crops.version != run.data_version:
        raise ExportError(f"{settings.data}: differs from the data that the run was trained on ({run.data_version})")
    return crops


def answered(folder: Path, precision: str, crops: Sequence[LabelledCrop], margin: float | None) -> list[Answer]:
    """What the served model says of crops: of the whole of each, or of its face widened by `margin`."""
    engine = open_engine(folder, precision, "classify")
    letterbox, out = Letterbox(), []
    try:
        for crop in crops:
            image = crop.image_bgr
            if margin is not None and crop.face is not None:
                left, top, right, bottom = crop_region(crop.face, margin, (image.shape[1], image.shape[0]))
                image = image[top:bottom, left:right]
            row, convert_s, inference_s = probabilities(engine, letterbox, as_frame(image))
            out.append(Answer(Path(crop.name), crop.label, row, (0.0, convert_s, inference_s)))
    finally:
        engine.close()
    return out


def _measured(
    settings: ExportSettings, int8: bool, folder: Path, held_out: Sequence[LabelledCrop], margin: float
) -> tuple[dict[str, Any], list[tuple[LabelledCrop, Answer]]]:
    """Figures on the held-out part, as served, and what was answered. Raises GateError."""
    from workers.model_card import load_card

    if not held_out:
        raise ExportError(f"{settings.run / SPLIT_FILE}: no crops are held out to measure on")
    card = load_card(folder)
    whole = answered(folder, "full", held_out, None)
    full = _kept(card, whole)
    metrics: dict[str, Any] = {"served": "part test, OpenVINO through workers; whole crops as labelled", "full": full}
    if settings.yunet is not None:
        metrics["framed"] = _kept(card, answered(folder, "full", held_out, margin))
    failed = [verdict for verdict in judge(settings.gates, full) if not verdict.passed]
    if failed:
        raise GateError("\n".join([*map(str, failed), f"{settings.name} {settings.version} was not exported"]))
    if int8:
        metrics["int8"] = _kept(card, answered(folder, "int8", held_out, None))
        lost = round(full["accuracy"] - metrics["int8"]["accuracy"], 4)
        metrics["int8_lost"] = lost
        if lost > settings.most_lost:
            raise GateError(
                f"int8 loses {lost} of accuracy (limit {settings.most_lost}); export without it (--formats openvino)"
            )
    return metrics, list(zip(held_out, whole, strict=True))


def _kept(card: ModelCard, found: Sequence[Answer]) -> dict[str, Any]:
    figures, _ = classification_figures(card, found)
    return {key: figures[key] for key in KEPT if key in figures}
