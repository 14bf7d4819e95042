"""The contract of an inference engine, and the request pool that every engine has. Any thread."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from workers.cpu import usable_cpus
from workers.errors import EngineError
from workers.model_card import ModelCard
from workers.settings import WorkerSettings

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]
_R = TypeVar("_R")


class Request(Protocol):
    """The input memory of one batch, and its inference. One thread at a time.

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
        """Borrow a request of one of the card's shapes (width, height); waits while all are lent."""
        ...

    def close(self) -> None:
        """Free requests and model. Only when nothing is borrowed."""
        ...


def worker_count(settings: WorkerSettings) -> int:
    """Inference workers: as set, else one for each CPU that this process may use, and one more.

    The one more converts and tracks while the others compute.
    """
    return settings.threads or usable_cpus() + 1


def require_file(card: ModelCard, name: str, backend: str) -> None:
    """Raises EngineError when the card does not name the file that `backend` runs."""
    if name not in card.files:
        raise EngineError(f"model {card.name} {card.version} has no {name}, so {backend} cannot run it")


class RequestPool(Generic[_R]):
    """The requests of one engine, the same number for each input shape. Any thread.

    There is one for each inference worker, so that none waits. The last returned is lent first: its memory is warm.
    """

    def __init__(
        self, shapes_wh: Iterable[tuple[int, int]], size: int, create: Callable[[tuple[int, int]], _R]
    ) -> None:
        self._idle: dict[tuple[int, int], queue.LifoQueue[_R]] = {}
        for shape_wh in shapes_wh:
            self._idle[shape_wh] = queue.LifoQueue()
            for _ in range(size):
                self._idle[shape_wh].put(create(shape_wh))

    @contextmanager
    def borrow(self, shape_wh: tuple[int, int]) -> Iterator[_R]:
        """Lend a request of this shape; waits while all are lent."""
        idle = self._idle[shape_wh]
        request = idle.get()
        try:
            yield request
        finally:
            idle.put(request)

    def clear(self) -> None:
        """Free the requests. Only when nothing is borrowed."""
        self._idle.clear()
