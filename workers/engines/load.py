"""Which engine runs a model: loads it from its folder, checked. Any thread; loading blocks for seconds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from workers.engines.engine import Engine
from workers.engines.openvino_engine import OpenVinoEngine
from workers.engines.visual_words import VISUAL_WORDS
from workers.engines.visual_words_engine import VisualWordsEngine
from workers.errors import ModelError
from workers.model_card import CARD_FILE, ModelCard, ModelStore, load_card
from workers.settings import WorkerSettings


def load_engine(store: ModelStore, name: str, settings: WorkerSettings, version: int | None = None) -> Engine:
    """Load one model with the backend of the settings; `auto` is OpenVINO. Raises as open_engine."""
    return open_engine(store.folder(name, version), settings)


def open_engine(folder: Path, settings: WorkerSettings) -> Engine:
    """Load the model in `folder`, its files checked. Classifiers run by OpenVINO, whatever detectors run by.

    Raises ModelError when the model is missing, changed, in another's folder, or of a task that no stage runs,
    EngineError when the backend is not there or refuses it.
    """
    card = load_card(folder)
    if (card.name, str(card.version)) != (folder.parent.name, folder.name):
        raise ModelError(
            f"{folder / CARD_FILE}: is the card of {card.name} {card.version}; "
            f"its folder must be {card.name}/{card.version}"
        )
    if card.task not in ("detect", "classify"):
        raise ModelError(f"model {card.name} has the task {card.task}; streams run detect and classify models only")
    if settings.backend == "torch":
        if card.task == "detect":
            from workers.engines.torch_engine import TorchEngine

            return TorchEngine(card, folder, settings)
        settings = settings.model_copy(update={"device": None})
    return graph_engine(card, folder, settings)


def graph_engine(card: ModelCard, folder: Path, settings: WorkerSettings) -> Engine:
    """The engine for the graph that the card names: over images, or over the visual words in them.

    Raises ModelError, EngineError.
    """
    if VISUAL_WORDS in card.files:
        return VisualWordsEngine(card, folder, settings)
    return OpenVinoEngine(card, folder, settings)


def check_stages(cards: Iterable[ModelCard]) -> None:
    """Refuse a classifier of boxes beside no detector whose labels it applies to. Raises ModelError saying so."""
    cards = list(cards)
    labels = {label for card in cards if card.task == "detect" for label in card.classes}
    for card in cards:
        if card.task == "classify" and card.applies_to != "image" and not labels & set(card.applies_to):
            raise ModelError(
                f"model {card.name} classifies boxes labelled {', '.join(card.applies_to)}; "
                "also run a detector with such a label"
            )
