"""Models by name into engine slots. Any thread; loading blocks for seconds."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import structlog

from workers.card import CARD_FILE, ModelCard, ModelStore, load_card
from workers.engines.engine import Engine, EngineSlot
from workers.engines.openvino_engine import OpenVinoEngine
from workers.engines.visual_words import VISUAL_WORDS
from workers.engines.visual_words_engine import VisualWordsEngine
from workers.errors import EngineError, ModelError
from workers.metrics import MODEL_INFO
from workers.settings import WorkerSettings

log = structlog.get_logger(__name__)


def load_engine(store: ModelStore, name: str, settings: WorkerSettings, version: int | None = None) -> Engine:
    """Load one model with the backend the settings ask for; `auto` is OpenVINO. Raises as open_engine."""
    return open_engine(store.folder(name, version), settings)


def open_engine(folder: Path, settings: WorkerSettings) -> Engine:
    """Load the model in `folder`, its files checked. Classifiers run by OpenVINO, whatever detectors run by.

    Raises ModelError when the model is missing, changed, in another's folder, or of a task that no stage runs,
    EngineError when the backend is not there or refuses it.
    """
    card = load_card(folder)
    if (card.name, str(card.version)) != (folder.parent.name, folder.name):
        raise ModelError(f"{folder / CARD_FILE}: is the card of {card.name} {card.version}, which belongs elsewhere")
    if card.task not in ("detect", "classify"):
        raise ModelError(f"model {card.name} is of task {card.task}; streams run models of task detect and classify")
    if settings.backend == "torch":
        if card.task == "detect":
            from workers.engines.torch_engine import TorchEngine

            return TorchEngine(card, folder, settings)
        settings = settings.model_copy(update={"device": None})
    return graph_engine(card, folder, settings)


def graph_engine(card: ModelCard, folder: Path, settings: WorkerSettings) -> Engine:
    """What runs the graph that the card names: over pictures, or over the visual words in them.

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
                "name a detector that gives such boxes beside it"
            )


class EngineSlots(dict[str, EngineSlot]):
    """The loaded models by name. Each is loaded once, when a stream first names it; loading one blocks no other."""

    def __init__(self, store: ModelStore, settings: WorkerSettings) -> None:
        super().__init__()
        self._store = store
        self._settings = settings
        self._lock = threading.Lock()  # nothing slow under it
        self._loading: dict[str, threading.Lock] = {}
        self._closed = False

    def ensure(self, names: Iterable[str]) -> None:
        """Load what is not loaded yet. Raises as load_engine and check_stages."""
        names = tuple(names)
        for name in names:
            if name not in self:
                self._load(name)
        check_stages(self[name].card for name in names)

    def put(self, engine: Engine) -> None:
        """Put an engine in service under its card's name, between two batches. Raises EngineError once closed."""
        name = engine.card.name
        with self._lock:
            self._refuse_closed(engine)
            slot = self.get(name)
            if slot is None:
                self[name] = EngineSlot(engine)
            else:
                MODEL_INFO.remove(name, str(slot.card.version), slot.backend)
                slot.swap(engine)
            self._announce(name)

    def close(self) -> None:
        """Close every engine; one that is being loaded is closed by who loads it. Only when no worker runs any more."""
        with self._lock:
            self._closed = True
            for slot in self.values():
                slot.close()
            self.clear()

    def _load(self, name: str) -> None:
        with self._lock:
            loading = self._loading.setdefault(name, threading.Lock())
        with loading:
            if name in self:
                return
            engine = load_engine(self._store, name, self._settings)
            with self._lock:
                self._refuse_closed(engine)
                self[name] = EngineSlot(engine)
                self._announce(name)

    def _refuse_closed(self, engine: Engine) -> None:
        if self._closed:
            engine.close()
            raise EngineError(f"model {engine.card.name}: the node is stopping")

    def _announce(self, name: str) -> None:
        slot = self[name]
        MODEL_INFO.labels(name, str(slot.card.version), slot.backend).set(1)
        log.info("model_loaded", model=name, version=slot.card.version, backend=slot.backend)
