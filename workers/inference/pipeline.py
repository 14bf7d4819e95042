"""Inference workers: pictures in, results out in order. Each worker runs in its own thread.

A worker takes a batch, converts each picture into its request's tensor, computes and hands the boxes to the lanes,
which release them in order to tracking. While one worker converts or tracks, the others compute: the engine is never
idle while there is work. A picture that cannot be converted, and a model that raises, cost that picture; a worker
that dies is replaced.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby

import numpy as np
import structlog

from stream.decoding.cpu_gate import CpuGate
from stream.frame import Frame
from stream.mailbox import Mailbox
from stream.metrics import FRAMES_DROPPED, STAGE_SECONDS
from workers.bus.result import FrameResult
from workers.engines.engine import worker_count
from workers.engines.hot_swap import EngineSlot
from workers.engines.letterbox import Letterbox, least_padding
from workers.errors import EngineError, ModelError
from workers.images.background_jobs import BackgroundJobs
from workers.images.blur import Blurrer
from workers.images.figures import Mode, StreamImageFigures
from workers.inference.batcher import Batcher, Lane, Ticket
from workers.inference.classify import Classifiers
from workers.inference.classify_tracks import StreamClassifier
from workers.inference.results import ResultAssembler
from workers.metrics import BATCH_SIZE, WORKER_RESTARTS
from workers.settings import ClassifySettings, WorkerSettings

log = structlog.get_logger(__name__)

Emit = Callable[[Frame, FrameResult], None]
_RESTART_SHOWN_S = 60.0


class Pipeline:
    """The workers, and what a stream's pictures go through. `emit` gets every result, in order per stream.

    `emit` runs on a worker thread and must only hand over. cpu_gate: that of the sources, where they share the CPUs.
    """

    def __init__(
        self,
        slots: Mapping[str, EngineSlot],
        settings: WorkerSettings,
        node: str,
        emit: Emit,
        confidence: float | None = None,
        cpu_gate: CpuGate | None = None,
    ) -> None:
        self._slots = slots
        self._cpu_gate = cpu_gate or CpuGate()
        self._node = node
        self._emit = emit
        self._confidence = confidence
        self._classify = settings.classify
        self._classifiers = Classifiers(slots)
        self.sideline = BackgroundJobs()
        self._batcher = Batcher(settings.max_batch, settings.max_wait_ms / 1000)
        self._count = worker_count(settings)
        self._threads: dict[int, threading.Thread] = {}
        self._lanes: dict[str, Lane] = {}
        self._lock = threading.Lock()
        self._closing = False
        self._last_restart_s: float | None = None

    def start(self) -> None:
        """Start the workers."""
        for index in range(self._count):
            self._spawn(index)

    def add(
        self,
        stream_id: str,
        mailbox: Mailbox[Frame],
        models: tuple[str, ...],
        stills: bool = False,
        blur: bool = False,
    ) -> Lane:
        """Analyse what arrives in `mailbox` with `models`, until `remove` or until it is closed and empty.

        `stills`: pictures that have nothing to do with each other, each of whose boxes is classified. `blur`: what the
        detectors find is unrecognisable in the pictures that `emit` gets.
        Raises ModelError for a model that no slot holds.
        """
        for name in models:
            if name not in self._slots:
                raise ModelError(f"model {name} is not loaded")
        mode: Mode = "live" if mailbox.policy == "newest" else "stills" if stills else "every_frame"
        classifier = StreamClassifier(self._slots, models, self._classifiers, self._classify, mode)
        figures = StreamImageFigures(mode, self.sideline)
        assembler = ResultAssembler(self._node, classifier, figures, self._confidence)
        blurrer = Blurrer() if blur else None

        def deliver(ticket: Ticket) -> None:
            self._deliver(assembler, ticket, blurrer)

        most = 2 if mailbox.policy == "newest" else self._count
        lane = Lane(stream_id, mailbox, models, deliver, most)
        with self._lock:
            self._lanes[stream_id] = lane
        self._batcher.add(lane)
        return lane

    def remove(self, lane: Lane) -> None:
        """Take no more pictures from this lane, whose mailbox is closed; wait for those in flight, 2 s at most."""
        self._batcher.remove(lane)
        while lane.mailbox.take() is not None:
            pass
        self._batcher.settle(lane)
        if not lane.finished.wait(2.0):
            log.warning("lane_still_busy", stream=lane.stream_id, in_flight=lane.in_flight)
        with self._lock:
            if self._lanes.get(lane.stream_id) is lane:
                del self._lanes[lane.stream_id]

    def problems(self) -> list[str]:
        """What readiness should say about the workers."""
        if self._last_restart_s is not None and time.monotonic() - self._last_restart_s < _RESTART_SHOWN_S:
            return ["an inference worker died and was restarted within the last minute"]
        return []

    def close(self, timeout_s: float = 5.0) -> None:
        """Finish what is in flight, then stop the workers. Idempotent."""
        self._closing = True
        self._batcher.close()
        deadline = time.monotonic() + timeout_s
        self._classifiers.close(timeout_s / 2)
        self.sideline.close(timeout_s / 2)
        for thread in list(self._threads.values()):
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        left = [thread.name for thread in self._threads.values() if thread.is_alive()]
        if left:
            log.error("workers_still_running", threads=left)

    def _spawn(self, index: int) -> None:
        thread = threading.Thread(target=self._run, args=(index,), name=f"inference-{index}", daemon=True)
        self._threads[index] = thread
        thread.start()

    def _run(self, index: int) -> None:
        letterbox = Letterbox()
        try:
            while (batch := self._batcher.take()) is not None:
                with self._cpu_gate.analysing(), self._answered(batch):
                    self._compute(batch, letterbox)
        except BaseException as error:
            log.exception("worker_died", worker=index, error=repr(error))
        finally:
            if not self._closing:
                WORKER_RESTARTS.inc()
                self._last_restart_s = time.monotonic()
                self._spawn(index)

    @contextmanager
    def _answered(self, batch: list[Ticket]) -> Iterator[None]:
        """Release every picture of the batch, whatever becomes of the worker."""
        try:
            yield
        finally:
            for ticket in batch:
                if not ticket.computed and ticket.error is None:
                    ticket.error = EngineError("the worker died")
                try:
                    ticket.lane.release(ticket)
                finally:
                    self._batcher.done(ticket)

    def _compute(self, batch: list[Ticket], letterbox: Letterbox) -> None:
        BATCH_SIZE.observe(len(batch))
        by_size = sorted(batch, key=lambda ticket: ticket.frame.size_wh)
        for _, group in groupby(by_size, key=lambda ticket: ticket.frame.size_wh):
            self._compute_group(list(group), letterbox)

    def _compute_group(self, tickets: list[Ticket], letterbox: Letterbox) -> None:
        try:
            detect_all(self._slots, tickets, letterbox)
        except Exception as error:
            for ticket in tickets:
                ticket.rows.clear()
                ticket.cards.clear()
            if len(tickets) > 1:
                for ticket in tickets:
                    self._compute_group([ticket], letterbox)
                return
            tickets[0].error = error
            log.exception("frame_failed", stream=tickets[0].lane.stream_id, frame=tickets[0].frame.number)

    def _deliver(self, assembler: ResultAssembler, ticket: Ticket, blurrer: Blurrer | None) -> None:
        if ticket.released:
            return
        ticket.released = True
        if ticket.error is not None:
            FRAMES_DROPPED.labels(ticket.lane.stream_id, "error").inc()
            return
        try:
            frame = ticket.frame if blurrer is None else blurrer.blurred(ticket.frame, ticket.rows.values())
            result = assembler.result(ticket, frame)
            started = time.perf_counter()
            self._emit(frame, result)
            STAGE_SECONDS.labels("publish").observe(time.perf_counter() - started)
        except Exception:
            FRAMES_DROPPED.labels(ticket.lane.stream_id, "error").inc()
            log.exception("result_failed", stream=ticket.lane.stream_id, frame=ticket.frame.number)


def detect(slot: EngineSlot, name: str, tickets: list[Ticket], letterbox: Letterbox) -> None:
    """Compute one detector on pictures of one size and put its boxes, in picture pixels, into their tickets."""
    with slot.use() as engine:
        card = engine.card
        shape = least_padding(tickets[0].frame.size_wh, card.shapes_wh)
        with engine.request(shape) as request:
            started = time.perf_counter()
            placements = [
                letterbox.fill(ticket.frame.image, request.tensor[index], card.pad_value, card.color)
                for index, ticket in enumerate(tickets)
            ]
            converted = time.perf_counter()
            output = request.run(len(tickets))
            computed = time.perf_counter()
    STAGE_SECONDS.labels("convert").observe(converted - started)
    STAGE_SECONDS.labels("inference").observe(computed - converted)
    for ticket, placement, rows in zip(tickets, placements, output, strict=True):
        used = rows[rows[:, 4] > 0]
        ticket.rows[name] = np.hstack([placement.to_image(used[:, :4]), used[:, 4:]])
        ticket.cards[name] = card
        ticket.inference_s += computed - converted


def detect_all(slots: Mapping[str, EngineSlot], tickets: list[Ticket], letterbox: Letterbox) -> None:
    """Compute the detectors of the tickets' models; classifiers follow after tracking. Raises what an engine raises."""
    for name in tickets[0].lane.models:
        if slots[name].card.task == "detect":
            detect(slots[name], name, tickets, letterbox)
    for ticket in tickets:
        ticket.computed = True


def detect_still(slots: Mapping[str, EngineSlot], frame: Frame, models: tuple[str, ...]) -> Ticket:
    """Compute one picture that belongs to no stream, on the calling thread. Raises what the engine raises."""
    lane = Lane(frame.stream_id, Mailbox("newest"), models, lambda ticket: None)
    ticket = Ticket(lane, frame, 0, time.monotonic())
    detect_all(slots, [ticket], Letterbox())
    return ticket


def still_result(slots: Mapping[str, EngineSlot], frame: Frame, models: tuple[str, ...], node: str) -> FrameResult:
    """All stages for one picture that belongs to no stream, on the calling thread. Raises what a detector raises."""
    classifier = StreamClassifier(slots, models, Classifiers(slots), ClassifySettings(), "stills")
    figures = StreamImageFigures("stills", BackgroundJobs())
    return ResultAssembler(node, classifier, figures, counted=False).result(detect_still(slots, frame, models))
