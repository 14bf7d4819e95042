"""What a backend gives, and the slots engines sit in. Any thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import numpy as np
import numpy.typing as npt

from workers.card import ModelCard

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]


class Request(Protocol):
    """One inference in the making. One thread at a time.

    tensor: u8 (batch, height, width, 3), colour order of the card; the caller writes slots 0 to n - 1.
    """

    tensor: U8

    def run(self, count: int) -> F32:
        """Compute the first `count` slots. Blocks without the GIL; the result is a copy.

        detect: (count, most, 6) rows of x1, y1, x2, y2 in input pixels, confidence, class; unused rows are zero.
        classify: (count, classes) probabilities. embed: (count, features).
        Raises EngineError.
        """
        ...


class Engine(Protocol):
    """A model loaded by a backend, all its shapes compiled.

    backend: what runs it, on which device, and in which precision where that is not float32, as `openvino-cpu-int8`.
    """

    card: ModelCard
    backend: str

    def request(self, shape_wh: tuple[int, int]) -> AbstractContextManager[Request]:
        """Borrow a request of one of the card's shapes."""
        ...

    def close(self) -> None:
        """Free everything. Only when nothing is borrowed."""
        ...


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
