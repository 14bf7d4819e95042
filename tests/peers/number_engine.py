"""Test engines: they see what was painted into the picture, and can be told to be slow, to raise and to die."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from tests.peers.numbers import NumberError, read_number
from workers.engines.engine import F32, U8
from workers.model_card import ModelCard, shipped_models_dir

SHAPE_WH = (320, 192)


def shipped_version(name: str) -> int:
    """The version of a model that ships, so that its card fits the test engine in its place; 1 for other names."""
    return max((int(folder.name) for folder in (shipped_models_dir() / name).glob("*")), default=1)


def number_card(name: str = "number", version: int = 1) -> ModelCard:
    """A card for the engine below; one class, everything is reported."""
    return ModelCard(
        name=name,
        version=version,
        task="detect",
        classes=("number",),
        shapes_wh=(SHAPE_WH,),
        thresholds={"number": 0.0},
        files={},
        licence="none",
    )


class NumberRequest:
    """Reads the number out of the tensor and gives it back as the confidence of one box, exact to 24 bits."""

    def __init__(self, engine: NumberEngine) -> None:
        self.tensor: U8 = np.zeros((engine.max_batch, SHAPE_WH[1], SHAPE_WH[0], 3), np.uint8)
        self._engine = engine

    def run(self, count: int) -> F32:
        """One box a readable slot: its corner holds the number's two lower bytes, its size the upper one."""
        out = np.zeros((count, 1, 6), np.float32)
        numbers = []
        for slot in range(count):
            try:
                number = read_number(self.tensor[slot])
            except NumberError:
                number = -1
            numbers.append(number)
            if number >= 0:
                low, middle = number % 128, number // 128 % 128
                out[slot, 0] = (10 + low, 10 + middle / 2, 150 + low, 100 + middle / 2, 0.9, 0)
        self._engine.before(numbers)
        return out


def number_in(xyxy: tuple[float, float, float, float], size_wh: tuple[int, int]) -> int:
    """The number (below 16384) that NumberRequest encoded in a box of a picture of this size."""
    scale = min(SHAPE_WH[0] / size_wh[0], SHAPE_WH[1] / size_wh[1])
    left = (SHAPE_WH[0] - round(size_wh[0] * scale)) // 2
    top = (SHAPE_WH[1] - round(size_wh[1] * scale)) // 2
    low = round(xyxy[0] * scale + left - 10)
    middle = round((xyxy[1] * scale + top - 10) * 2)
    return middle * 128 + low


class NumberEngine:
    """An engine of the protocol. `before` is called with the numbers of each batch on the worker's thread."""

    backend = "test"
    request_type = NumberRequest

    def __init__(
        self, before: Callable[[list[int]], None] = lambda numbers: None, max_batch: int = 1, version: int = 1
    ) -> None:
        self.card = number_card(version=version)
        self.before = before
        self.max_batch = max_batch
        self.lent = 0
        self.closed = False
        self._lock = threading.Lock()

    @contextmanager
    def request(self, shape_wh: tuple[int, int]) -> Iterator[NumberRequest]:
        """A fresh request."""
        assert not self.closed
        with self._lock:
            self.lent += 1
        try:
            yield self.request_type(self)
        finally:
            with self._lock:
                self.lent -= 1

    def close(self) -> None:
        """Noted; must not happen while a request is lent."""
        assert self.lent == 0
        self.closed = True
