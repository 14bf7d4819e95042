"""Where pictures are decoded that take long: few at a time, and only with CPU that nobody else wants. Any thread.

A thread that decodes cannot be stopped, and a fair share of the CPU for each sender of huge pictures would leave the
cameras too little. So a costly picture waits for a place, and is decoded by a thread of its own with the least
priority there is (Linux has one for each thread): on an idle machine it takes no longer, on a busy one it makes way.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from stream.errors import StreamError

T = TypeVar("T")

NICENESS = 19
_LOOK_S = 0.1


class GivenUpError(StreamError):
    """Nobody wants the picture any more: it was not decoded."""


class CostlyLane:
    """places: how many pictures are decoded at a time; those that wait are let in in no particular order."""

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)

    def run(self, work: Callable[[], T], given_up: Callable[[], bool] = lambda: False) -> T:
        """Call `work` when there is a place, with low priority, and wait for it. Raises what it raises.

        given_up: asked ten times a second while there is none; then GivenUpError is raised. `work` should hold the
        GIL only briefly: the others would wait for a thread that gets no CPU.
        """
        places = self._places
        while not places.acquire(timeout=_LOOK_S):
            if given_up():
                raise GivenUpError("the picture is no longer wanted")
        done: Future[T] = Future()
        try:
            threading.Thread(target=_work, args=(work, done, places), name="costly-picture", daemon=True).start()
        except RuntimeError:
            places.release()
            raise
        return done.result()


def _work(work: Callable[[], T], done: Future[T], places: threading.BoundedSemaphore) -> None:
    """The thread."""
    try:
        _yield_to_others()
        done.set_result(work())
    except BaseException as error:  # noqa: BLE001 - the thread that waits gets it
        done.set_exception(error)
    finally:
        places.release()


def _yield_to_others() -> None:
    """Give this thread the least priority. Elsewhere than on Linux it would be the whole process's."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


COSTLY_LANE = CostlyLane(max(1, (os.cpu_count() or 1) // 4))
"""That of this process: all its sources and requests share the CPUs."""
