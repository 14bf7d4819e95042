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
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from stream.errors import StreamError

T = TypeVar("T")

NICENESS = 19
LOOK_S = 0.1
"""How often it is asked whether a picture is still wanted."""


class GivenUpError(StreamError):
    """Nobody wants the picture any more: it was not decoded."""


class CostlyLane:
    """places: how many pictures are decoded at a time; those that wait are let in in no particular order."""

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)

    @contextmanager
    def place(self, given_up: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Decode something costly inside. Waits for its turn.

        given_up: asked ten times a second meanwhile; once it says so, GivenUpError is raised.
        """
        places = self._places
        while not places.acquire(timeout=LOOK_S):
            if given_up():
                raise GivenUpError("the picture is no longer wanted")
        try:
            yield
        finally:
            places.release()

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
