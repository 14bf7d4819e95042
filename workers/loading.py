"""Models by name into engine slots. Any thread; loading blocks for seconds."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import structlog

from workers.card import ModelCard, ModelStore, load_card
from workers.engine import Engine, EngineSlot
from workers.errors import ModelError
from workers.metrics import MODEL_INFO
from workers.openvino_engine import OpenVinoEngine
from workers.settings import WorkerSettings

log = structlog.get_logger(__name__)


def load_engine(store: ModelStore, name: str, settings: WorkerSettings, version: int | None = None) -> Engine:
    """Load one model with the backend the settings ask for; `auto` is OpenVINO.

    Raises ModelError when the model is missing, changed or of a task that no stage runs, EngineError when the
    backend is not there or refuses it.
    """
    folder = store.folder(name, version)
    card = load_card(folder)
    if card.task != "detect":
        raise ModelError(f"model {name} is of task {card.task}; streams run models of task detect")
    if settings.backend == "torch":
        from workers.torch_engine import TorchEngine

        return TorchEngine(card, folder, settings)
    return OpenVinoEngine(card, folder, settings)


class EngineSlots(dict[str, EngineSlot]):
    """The loaded models by name. Each is loaded once, when the first stream asks for it."""

    def __init__(self, store: ModelStore, settings: WorkerSettings) -> None:
        super().__init__()
        self._store = store
        self._settings = settings
        self._lock = threading.Lock()

    def ensure(self, names: Iterable[str]) -> None:
        """Load what is not loaded yet. Raises as load_engine."""
        for name in names:
            with self._lock:
                if name not in self:
                    self[name] = EngineSlot(load_engine(self._store, name, self._settings))
                    self._announce(name)

    def put(self, engine: Engine) -> None:
        """Put an engine in service under its card's name, between two batches."""
        name = engine.card.name
        with self._lock:
            slot = self.get(name)
            if slot is None:
                self[name] = EngineSlot(engine)
            else:
                MODEL_INFO.remove(name, str(slot.card.version), slot.backend)
                slot.swap(engine)
            self._announce(name)

    def swap(self, name: str, version: int | None = None) -> ModelCard:
        """Load a version and put it in service; when it cannot be loaded the old one stays. Raises as load_engine."""
        engine = load_engine(self._store, name, self._settings, version)
        self.put(engine)
        return engine.card

    def close(self) -> None:
        """Close every engine. Only when no worker runs any more."""
        with self._lock:
            for slot in self.values():
                slot.close()
            self.clear()

    def _announce(self, name: str) -> None:
        slot = self[name]
        MODEL_INFO.labels(name, str(slot.card.version), slot.backend).set(1)
        log.info("model_loaded", model=name, version=slot.card.version, backend=slot.backend)
