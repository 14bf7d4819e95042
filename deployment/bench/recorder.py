"""Which picture of which camera had a result, and when: the one thing measured of everybody. Any thread.

Runs in every environment that is measured: needs numpy only. A line a result: camera, picture, monotonic seconds.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import stamp


@dataclass(frozen=True)
class Spec:
    """What a runner is asked: the cameras, the model file, its input (None: the runner's default), where to write."""

    urls: list[str]
    model: str
    records: str
    shape_wh: tuple[int, int] | None = None
    options: dict[str, Any] | None = None

    @classmethod
    def from_arguments(cls) -> Spec:
        """Read the file named by the first argument."""
        return cls(**json.loads(Path(sys.argv[1]).read_text()))


class Recorder:
    """Writes results down as they come, so that a runner that hangs or dies has said all it did."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "w", buffering=1)

    def add(self, camera: int, image: npt.NDArray[np.uint8]) -> None:
        """A result came for this picture, u8 (height, width[, channels]) as decoded."""
        number = stamp.read(image)
        if number is not None:
            self.add_number(camera, number)

    def add_number(self, camera: int, number: int) -> None:
        """A result came for the picture of this number."""
        self._file.write(f"{camera} {number} {time.monotonic():.6f}\n")
