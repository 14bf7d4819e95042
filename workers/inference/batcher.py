"""Which pictures are computed next. Any thread; `take` is called by the inference workers.

The batcher never waits on a timer by default: while the workers compute, newer pictures replace older ones in the
mailboxes. Whoever is free takes the newest picture of the stream that has waited longest for its turn, and with it
those of other streams that fit into the same batch. Ordering by the turn, not by the picture's age, is what makes
slow and fast cameras, near and far, get equal shares (0.996 with eight, README.md).
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
from workers.card import ModelCard
from workers.engines.engine import F32


@dataclass(slots=True)
class Ticket:
    """One picture on its way through inference. `number` counts the lane's pictures in the order they were taken.

    rows and cards: what each detector found, and the card of the version that found it, which may not be in service
    any more when the picture's turn to be released comes.
    """

    lane: Lane
    frame: Frame
    number: int
    taken_s: float
    rows: dict[str, F32] = field(default_factory=dict)
    cards: dict[str, ModelCard] = field(default_factory=dict)
    computed: bool = False
    inference_s: float = 0.0
    error: BaseException | None = None
    released: bool = False


class Lane:
    """One stream's way through the workers: its mailbox, its models, and the release of its results in order."""

    def __init__(
        self,
        stream_id: str,
        mailbox: Mailbox[Frame],
        models: tuple[str, ...],
        deliver: Callable[[Ticket], None],
        most_in_flight: int = 2,
    ) -> None:
        self.stream_id = stream_id
        self.mailbox = mailbox
        self.models = models
        self.most_in_flight = most_in_flight
        self.in_flight = 0
        self.turn = 0
        self.taken = 0
        self.finished = threading.Event()
        self.on_finished: Callable[[], None] | None = None
        self._deliver = deliver
        self._waiting: dict[int, Ticket] = {}
        self._next = 0
        self._lock = threading.Lock()

    def release(self, ticket: Ticket) -> None:
        """Deliver this picture's outcome and all that waited for it, in the order in which they were taken."""
        with self._lock:
            self._waiting[ticket.number] = ticket
            while (ready := self._waiting.pop(self._next, None)) is not None:
                self._next += 1
                self._deliver(ready)


class Batcher:
    """Picks batches from the lanes' mailboxes. All of a batch have the same models and the same picture size."""

    def __init__(self, max_batch: int = 1, max_wait_s: float = 0.0) -> None:
        self._max_batch = max_batch
        self._max_wait_s = max_wait_s
        self._lanes: dict[str, Lane] = {}
        self._turns = itertools.count(1)
        self._changed = threading.Condition()
        self._closed = False

    def add(self, lane: Lane) -> None:
        """Serve one more lane. Its mailbox wakes the workers from now on."""
        lane.mailbox.subscribe(partial(self.settle, lane))
        with self._changed:
            self._lanes[lane.stream_id] = lane
            self._changed.notify_all()

    def remove(self, lane: Lane) -> None:
        """Serve it no more; what is in flight is still released."""
        with self._changed:
            if self._lanes.get(lane.stream_id) is lane:
                del self._lanes[lane.stream_id]

    def close(self) -> None:
        """Wake every worker: `take` returns None from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self) -> list[Ticket] | None:
        """Wait for a batch of one to `max_batch` pictures; None once closed."""
        with self._changed:
            while not self._closed:
                batch = self._pick()
                if batch:
                    self._fill_up(batch)
                    return batch
                self._changed.wait()
            return None

    def done(self, ticket: Ticket) -> None:
        """The picture's outcome was released: its lane may have the next one computed."""
        with self._changed:
            ticket.lane.in_flight -= 1
            self._finish_if_empty(ticket.lane)
            self._changed.notify()

    def settle(self, lane: Lane) -> None:
        """Something arrived for the lane, or its mailbox was closed: wake a worker, or note that it is finished."""
        with self._changed:
            self._finish_if_empty(lane)
            self._changed.notify()

    def _finish_if_empty(self, lane: Lane) -> None:
        if lane.mailbox.closed and not lane.mailbox.pending and lane.in_flight == 0:
            if lane.on_finished is not None and not lane.finished.is_set():
                lane.on_finished()
            lane.finished.set()

    def _pick(self, like: Ticket | None = None, room: int | None = None) -> list[Ticket]:
        room = self._max_batch if room is None else room
        batch: list[Ticket] = []
        ready = (lane for lane in self._lanes.values() if lane.mailbox.pending and lane.in_flight < lane.most_in_flight)
        for lane in sorted(ready, key=lambda lane: lane.turn):
            if len(batch) >= room:
                break
            first = like or (batch[0] if batch else None)
            if first is not None and lane.models != first.lane.models:
                continue
            frame = lane.mailbox.take()
            if frame is None:
                continue
            batch.append(self._ticket(lane, frame))
            if like is None and self._max_batch == 1:
                break
        return batch

    def _ticket(self, lane: Lane, frame: Frame) -> Ticket:
        lane.in_flight += 1
        lane.turn = next(self._turns)
        ticket = Ticket(lane, frame, lane.taken, time.monotonic())
        lane.taken += 1
        return ticket

    def _fill_up(self, batch: list[Ticket]) -> None:
        """Wait up to `max_wait_s` for a fuller batch: for GPUs, where a batch costs little more than a picture."""
        deadline = time.monotonic() + self._max_wait_s
        while self._max_wait_s and len(batch) < self._max_batch and not self._closed:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._changed.wait(left)
            batch += self._pick(like=batch[0], room=self._max_batch - len(batch))
