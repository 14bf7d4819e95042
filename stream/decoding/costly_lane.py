"""Where what takes long is decoded: few at a time, and only with CPU that nobody else wants. Any thread.

Decoding cannot be stopped, and a fair share of the CPU for each sender of huge pictures would leave the cameras too
little. So whatever is costly waits for a place. Stills go to a process of their own then (`stream/decoding/stills.py`);
the costly frames of a video, whose decoder remembers those before, to a thread with the least priority there is (Linux
has one for each thread): on an idle machine that takes no longer, on a busy one it makes way.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from stream.errors import StreamError

T = TypeVar("T")

NICENESS = 19
LOOK_S = 0.1
"""How often it is asked whether a picture is still wanted."""
_REST, _MOST_REST_S = 3.0, 2.0


class GivenUpError(StreamError):
    """Nobody wants the picture any more: it was not decoded."""


@dataclass(slots=True)
class Place:
    """One picture's. `waited_s`: how long the picture waited for a CPU there, as whoever decodes it notes."""

    waited_s: float = 0.0


class CostlyLane:
    """places: how many pictures are decoded at a time; those that wait are let in in no particular order.

    Where a picture had to wait for a CPU, the machine is busy, and what the service does with the picture afterwards
    others go without. So the place rests then: three times as long as it waited, 2 s at most.
    """

    def __init__(self, places: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._free_from_s = [float("-inf")] * places
        self._changed = threading.Condition()
        self._now_s = now_s

    @contextmanager
    def place(self, given_up: Callable[[], bool] = lambda: False) -> Iterator[Place]:
        """Decode something costly inside. Waits for its turn.

        given_up: asked ten times a second meanwhile; once it says so, GivenUpError is raised.
        """
        index, place = self._take(given_up), Place()
        try:
            yield place
        finally:
            rest_s = min(_MOST_REST_S, _REST * max(0.0, place.waited_s))
            with self._changed:
                self._free_from_s[index] = self._now_s() + rest_s if rest_s else float("-inf")
                self._changed.notify()

    def _take(self, given_up: Callable[[], bool]) -> int:
        with self._changed:
            while True:
                index = min(range(len(self._free_from_s)), key=self._free_from_s.__getitem__)
                left_s = self._free_from_s[index] - self._now_s()
                if left_s <= 0:
                    self._free_from_s[index] = float("inf")
                    return index
                self._changed.wait(min(LOOK_S, left_s))
                if given_up():
                    raise GivenUpError("the picture is no longer wanted")

    def run(self, work: Callable[[], T], given_up: Callable[[], bool] = lambda: False) -> T:
        """Call `work` when there is a place, with low priority, and wait for it. Raises what it raises, GivenUpError.

        `work` should hold the GIL only briefly: the others would wait for a thread that gets no CPU.
        """
        with self.place(given_up):
            return run_last(work)


def run_last(work: Callable[[], T]) -> T:
    """Call `work` in a thread of the least priority, and wait for it. Raises what it raises."""
    done: Future[T] = Future()
    threading.Thread(target=_work, args=(work, done), name="costly-picture", daemon=True).start()
    return done.result()


def _work(work: Callable[[], T], done: Future[T]) -> None:
    """The thread."""
    try:
        if sys.platform == "linux":  # elsewhere it would be the whole process's priority
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        done.set_result(work())
    except BaseException as error:  # noqa: BLE001 - the thread that waits gets it
        done.set_exception(error)


COSTLY_LANE = CostlyLane(max(1, (os.cpu_count() or 1) // 4))
"""That of this process: all its sources and requests share the CPUs."""
