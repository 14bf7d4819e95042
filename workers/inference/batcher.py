"""Which frames are computed next. Any thread; `take` is called by the inference workers.

The batcher never waits on a timer by default: while the workers compute, newer frames replace older ones in the
mailboxes. Whichever worker is free takes the newest frame of the stream whose last turn is longest ago, and with it
those of other streams that fit into the same batch. Ordering by turn, not by a frame's age, is what gives slow and
fast cameras, near and far, equal shares (0.996 with eight, README.md).

Streams that a push made have one place together while others wait, and at most a sixteenth of the workers' time: who
may push can push as many streams, and as costly frames, as they like. What the others leave idle is theirs at once.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from stream.frame import Frame
from stream.mailbox import Mailbox
from workers.engines.engine import F32
from workers.model_card import ModelCard

PUSHED_SHARE = 16
"""Of so many seconds that workers spend while others wait, one is for pushed streams. More than nine of ten are left
for cameras also where the frames' decoding takes CPU besides."""


@dataclass(slots=True)
class FrameJob:
    """One frame on its way through inference. `number` counts the stream's frames in the order they were taken.

    rows: by detector, its boxes (n, 6): x1, y1, x2, y2 in pixels of the frame, confidence, class. cards: by detector,
    the card of the version that found them, which may be out of service by the time the frame is released. ahead: of a
    pushed stream, and taken while others waited.
    """

    stream: InferenceStream
    frame: Frame
    number: int
    taken_s: float
    rows: dict[str, F32] = field(default_factory=dict)
    cards: dict[str, ModelCard] = field(default_factory=dict)
    computed: bool = False
    inference_s: float = 0.0
    error: BaseException | None = None
    released: bool = False
    ahead: bool = False


@dataclass(slots=True, eq=False)
class InferenceStream:
    """One stream in the batcher: its mailbox, its models, its frames in flight, released in the order they were taken.

    deliver: gets each job that is done, in order, on a worker's thread. on_finished: called once, under the batcher's
    lock, when the mailbox is closed and empty and nothing is in flight. pushed: a push made it, nobody configured it.
    """

    stream_id: str
    mailbox: Mailbox[Frame]
    models: tuple[str, ...]
    deliver: Callable[[FrameJob], None]
    most_in_flight: int = 2
    on_finished: Callable[[], None] | None = None
    pushed: bool = False
    in_flight: int = field(default=0, init=False)
    turn: int = field(default=0, init=False)
    taken: int = field(default=0, init=False)
    finished: threading.Event = field(default_factory=threading.Event, init=False)
    _done: dict[int, FrameJob] = field(default_factory=dict, init=False)
    _next: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def release(self, job: FrameJob) -> None:
        """Deliver this frame's outcome and all that waited for it, in the order in which they were taken."""
        with self._lock:
            self._done[job.number] = job
            while (ready := self._done.pop(self._next, None)) is not None:
                self._next += 1
                self.deliver(ready)


class Batcher:
    """Picks batches from the streams' mailboxes. All streams of a batch have the same models."""

    def __init__(
        self, max_batch: int = 1, max_wait_s: float = 0.0, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_batch = max_batch
        self._max_wait_s = max_wait_s
        self._now_s = now_s
        self._owed_s = 0.0  # workers' time that is the others' before it is the pushed streams' turn again
        self._ahead = 0  # pushed streams' frames in flight that were taken while others waited
        self._streams: dict[str, InferenceStream] = {}
        self._turns = itertools.count(1)
        self._changed = threading.Condition()
        self._closed = False

    def add(self, stream: InferenceStream) -> None:
        """Serve one more stream. Its mailbox wakes the workers from now on."""
        stream.mailbox.subscribe(partial(self.wake, stream))
        with self._changed:
            self._streams[stream.stream_id] = stream
            self._changed.notify_all()

    def remove(self, stream: InferenceStream) -> None:
        """Serve it no more; what is in flight is still released."""
        with self._changed:
            if self._streams.get(stream.stream_id) is stream:
                del self._streams[stream.stream_id]

    def close(self) -> None:
        """Wake every worker: `take` returns None from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self) -> list[FrameJob] | None:
        """Wait for a batch of one to `max_batch` frames; None once closed."""
        with self._changed:
            while not self._closed:
                batch = self._pick()
                if batch:
                    self._fill_up(batch)
                    return batch
                self._changed.wait()
            return None

    def done(self, job: FrameJob) -> None:
        """Note that the frame's outcome was released: the next of its stream may be taken."""
        with self._changed:
            job.stream.in_flight -= 1
            self._account(job)
            self._finish_if_empty(job.stream)
            self._changed.notify()

    def wake(self, stream: InferenceStream) -> None:
        """Wake a worker, as a frame arrived; or note that the stream is finished, as its mailbox was closed."""
        with self._changed:
            self._finish_if_empty(stream)
            self._changed.notify()

    def is_idle(self, stream: InferenceStream) -> bool:
        """Whether none of the stream's frames waits or is in flight."""
        with self._changed:
            return not stream.mailbox.pending and stream.in_flight == 0

    def _finish_if_empty(self, stream: InferenceStream) -> None:
        if stream.mailbox.closed and not stream.mailbox.pending and stream.in_flight == 0:
            if stream.on_finished is not None and not stream.finished.is_set():
                stream.on_finished()
            stream.finished.set()

    def _pick(self, like: FrameJob | None = None, room: int | None = None) -> list[FrameJob]:
        room = self._max_batch if room is None else room
        batch: list[FrameJob] = []
        streams, contended = self._ordered()
        for stream in streams:
            if len(batch) >= room:
                break
            first = like or (batch[0] if batch else None)
            if first is not None and stream.models != first.stream.models:
                continue
            frame = stream.mailbox.take()
            if frame is None:
                continue
            job = self._job(stream, frame)
            if contended and stream.pushed:
                job.ahead = True
                self._ahead += 1
            batch.append(job)
            if like is None and self._max_batch == 1:
                break
        return batch

    def _ordered(self) -> tuple[list[InferenceStream], bool]:
        """The streams that have a frame, by turn; and whether pushed ones are before others that wait."""
        ready = [one for one in self._streams.values() if one.mailbox.pending and one.in_flight < one.most_in_flight]
        ready.sort(key=lambda one: one.turn)
        pushed = [one for one in ready if one.pushed]
        if not pushed or len(pushed) == len(ready):
            return ready, False
        others = [one for one in ready if not one.pushed]
        if self._owed_s > 0 or self._ahead:
            return [*others, *pushed], False
        return [*pushed, *others], True

    def _account(self, job: FrameJob) -> None:
        """What pushed streams took of others that waited, the others get back many times before it is taken again."""
        spent_s = self._now_s() - job.taken_s
        if job.ahead:
            self._ahead -= 1
            places = sum(not one.pushed for one in self._streams.values())
            self._owed_s += spent_s * max(PUSHED_SHARE - 1, places)
        elif not job.stream.pushed:
            self._owed_s = max(0.0, self._owed_s - spent_s)

    def _job(self, stream: InferenceStream, frame: Frame) -> FrameJob:
        stream.in_flight += 1
        stream.turn = next(self._turns)
        job = FrameJob(stream, frame, stream.taken, self._now_s())
        stream.taken += 1
        return job

    def _fill_up(self, batch: list[FrameJob]) -> None:
        """Wait up to `max_wait_s` for a fuller batch: for GPUs, where a batch costs little more than one frame."""
        deadline = time.monotonic() + self._max_wait_s
        while self._max_wait_s and len(batch) < self._max_batch and not self._closed:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._changed.wait(left)
            batch += self._pick(like=batch[0], room=self._max_batch - len(batch))
