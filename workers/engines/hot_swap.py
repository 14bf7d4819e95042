"""The models in service by name, and the swap of a version between two batches. Any thread; loading blocks."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import structlog

from workers.engines.engine import Engine
from workers.engines.load import check_stages, load_engine
from workers.errors import EngineError
from workers.metrics import MODEL_INFO
from workers.model_card import ModelCard, ModelStore
from workers.settings import WorkerSettings

log = structlog.get_logger(__name__)


class EngineSlot:
    """Holds the engine in service of one model. Nothing else may hold on to an engine.

    `use` lends it for one batch; `swap` puts another in: batches begun before finish on the old one, which is closed
    when the last of them is done.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._users: dict[int, int] = {}
        self._retired: dict[int, Engine] = {}
        self._lock = threading.Lock()

    @property
    def card(self) -> ModelCard:
        """The card of the engine in service now."""
        return self._engine.card

    @property
    def backend(self) -> str:
        """The backend of the engine in service now."""
        return self._engine.backend

    @contextmanager
    def use(self) -> Iterator[Engine]:
        """Borrow the engine in service."""
        with self._lock:
            engine = self._engine
            self._users[id(engine)] = self._users.get(id(engine), 0) + 1
        try:
            yield engine
        finally:
            self._release(engine)

    def swap(self, engine: Engine) -> None:
        """Put `engine` in service. Returns at once."""
        with self._lock:
            old, self._engine = self._engine, engine
            if self._users.get(id(old)):
                self._retired[id(old)] = old
                return
        old.close()

    def close(self) -> None:
        """Close the engine in service. Only when nothing is borrowed any more."""
        self._engine.close()

    def _release(self, engine: Engine) -> None:
        with self._lock:
            self._users[id(engine)] -= 1
            if self._users[id(engine)]:
                return
            del self._users[id(engine)]
            retired = self._retired.pop(id(engine), None)
        if retired is not None:
            retired.close()


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
            self._report_loaded(name)

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
                self._report_loaded(name)

    def _refuse_closed(self, engine: Engine) -> None:
        if self._closed:
            engine.close()
            raise EngineError(f"model {engine.card.name}: the node is stopping")

    def _report_loaded(self, name: str) -> None:
        slot = self[name]
        MODEL_INFO.labels(name, str(slot.card.version), slot.backend).set(1)
        log.info("model_loaded", model=name, version=slot.card.version, backend=slot.backend)
