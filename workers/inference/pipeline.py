"""Inference workers: frames in, results out in order. Each worker runs in its own thread.

A worker takes a batch, converts each frame into its request's tensor, computes, and releases the boxes to tracking in
each stream's order. While one worker converts or tracks, the others compute: the engine is never idle while there is
work. A frame that cannot be converted or computed is dropped and counted; a worker that dies is replaced.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

import structlog

from stream.decoding.cpu_gate import CpuGate
from stream.frame import Frame
from stream.mailbox import Mailbox
from stream.metrics import FRAMES_DROPPED, STAGE_SECONDS
from workers.bus.result import FrameResult
from workers.engines.engine import worker_count
from workers.engines.hot_swap import EngineSlot
from workers.engines.letterbox import Letterbox
from workers.errors import EngineError, ModelError
from workers.images.background_jobs import BackgroundJobs
from workers.images.blur import Blurrer
from workers.images.image_figures import Mode, StreamImageFigures, Tagger
from workers.inference.batcher import Batcher, FrameJob, InferenceStream
from workers.inference.classify import Classifiers
from workers.inference.classify_tracks import StreamClassifier
from workers.inference.detect import detect_all
from workers.inference.identification import Identification
from workers.inference.identify_tracks import StreamIdentity
from workers.inference.look_budget import LookBudget
from workers.inference.result_builder import ResultBuilder
from workers.metrics import BATCH_SIZE, WORKER_RESTARTS
from workers.settings import WorkerSettings

log = structlog.get_logger(__name__)

Emit = Callable[[Frame, FrameResult], None]
_RESTART_SHOWN_S = 60.0


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How one stream is analysed.

    stills: images that have nothing to do with each other, each of whose boxes is classified. blur: what the detectors
    find is unrecognisable in the frames that `emit` gets. confidence: overrides the thresholds of the models' cards.
    on_finished: called once, on any thread, when the mailbox is closed and all its results are out; must not block.
    pushed: a push made the stream; see `workers/inference/batcher.py`. identity: whether to say who is seen, asked with
    each frame; None: never.
    """

    stills: bool = False
    blur: bool = False
    confidence: float | None = None
    on_finished: Callable[[], None] | None = None
    pushed: bool = False
    identity: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """What the streams of a node share. cpu_gate: that of the sources, where they share the CPUs.

    identification: who is enrolled, and the face model; closed with the pipeline; None: nobody is named. tagger: says
    tags that were taught.
    """

    cpu_gate: CpuGate | None = None
    identification: Identification | None = None
    tagger: Tagger | None = None


class Pipeline:
    """The workers, and the stages of each stream. `emit` gets every frame and its result, in order per stream.

    `emit` runs on a worker's thread and must not block. `background`: jobs that no result waits for.
    `identification`: see Shared.
    """

    def __init__(
        self,
        slots: Mapping[str, EngineSlot],
        settings: WorkerSettings,
        node: str,
        emit: Emit,
        shared: Shared | None = None,
    ) -> None:
        shared = shared or Shared()
        self._slots = slots
        self.identification = shared.identification or Identification(settings)
        self._cpu_gate = shared.cpu_gate or CpuGate()
        self.identification.budget = LookBudget(self._cpu_gate.gauge)
        self._node = node
        self._emit = emit
        self._classify = settings.classify
        self._tags = settings.tags
        self._classifiers = Classifiers(slots)
        self.background = BackgroundJobs()
        self._tagger = shared.tagger
        self._batcher = Batcher(settings.max_batch, settings.max_wait_ms / 1000)
        self._count = worker_count(settings)
        self._threads: dict[int, threading.Thread] = {}
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
        options: StreamOptions | None = None,
    ) -> InferenceStream:
        """Analyse what arrives in `mailbox` with `models`, until `remove` or until it is closed and empty.

        Raises ModelError for a model that is not loaded.
        """
        options = options or StreamOptions()
        for name in models:
            if name not in self._slots:
                raise ModelError(f"model {name} is not loaded")
        mode: Mode = "live" if mailbox.policy == "newest" else "stills" if options.stills else "every_frame"
        classifier = StreamClassifier(self._slots, models, self._classifiers, self._classify, mode)
        figures = StreamImageFigures(mode, self.background, self._tags, self._tagger)
        builder = ResultBuilder(self._node, classifier, figures, options.confidence)
        if options.identity is not None:
            builder.identity = StreamIdentity(stream_id, self.identification, self._classifiers, options.identity, mode)
        blurrer = Blurrer() if options.blur else None

        def deliver(job: FrameJob) -> None:
            self._deliver(builder, job, blurrer)

        most = 2 if mailbox.policy == "newest" else self._count
        stream = InferenceStream(stream_id, mailbox, models, deliver, most, options.on_finished, options.pushed)
        self._batcher.add(stream)
        return stream

    def remove(self, stream: InferenceStream) -> None:
        """Take no more frames of this stream, whose mailbox is closed; wait for those in flight, 2 s at most."""
        self._batcher.remove(stream)
        while stream.mailbox.take() is not None:
            pass
        self._batcher.wake(stream)
        if not stream.finished.wait(2.0):
            log.warning("stream_still_in_flight", stream=stream.stream_id, in_flight=stream.in_flight)

    def is_idle(self, stream: InferenceStream) -> bool:
        """Whether every frame that the stream delivered so far has its result emitted, or was dropped."""
        return self._batcher.is_idle(stream)

    def problems(self) -> list[str]:
        """What is wrong with the workers now, as readiness reasons."""
        if self._last_restart_s is not None and time.monotonic() - self._last_restart_s < _RESTART_SHOWN_S:
            return ["an inference worker died and was restarted within the last minute"]
        return []

    def close(self, timeout_s: float = 5.0) -> None:
        """Finish what is in flight, then stop the workers. Idempotent."""
        self._closing = True
        self._batcher.close()
        deadline = time.monotonic() + timeout_s
        self._classifiers.close(timeout_s / 2)
        self.background.close(timeout_s / 2)
        for thread in list(self._threads.values()):
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        if not self._classifiers.working:
            self.identification.close(max(0.1, deadline - time.monotonic()))
        left = [thread.name for thread in self._threads.values() if thread.is_alive()]
        if left:
            log.error("inference_workers_still_running", threads=left)

    def _spawn(self, index: int) -> None:
        thread = threading.Thread(target=self._run, args=(index,), name=f"inference-{index}", daemon=True)
        self._threads[index] = thread
        thread.start()

    def _run(self, index: int) -> None:
        letterbox = Letterbox()
        try:
            while (batch := self._batcher.take()) is not None:
                with self._cpu_gate.analysing(), self._released(batch):
                    self._compute(batch, letterbox)
        except BaseException as error:
            log.exception("inference_worker_died", worker=index, error=repr(error))
        finally:
            if not self._closing:
                WORKER_RESTARTS.inc()
                self._last_restart_s = time.monotonic()
                self._spawn(index)

    @contextmanager
    def _released(self, batch: list[FrameJob]) -> Iterator[None]:
        """Release every frame of the batch, whatever becomes of the worker."""
        try:
            yield
        finally:
            for job in batch:
                if not job.computed and job.error is None:
                    job.error = EngineError("the inference worker died")
                try:
                    job.stream.release(job)
                finally:
                    self._batcher.done(job)

    def _compute(self, batch: list[FrameJob], letterbox: Letterbox) -> None:
        BATCH_SIZE.observe(len(batch))
        by_size = sorted(batch, key=lambda one: one.frame.size_wh)
        for _, group in groupby(by_size, key=lambda one: one.frame.size_wh):
            self._compute_group(list(group), letterbox)

    def _compute_group(self, jobs: list[FrameJob], letterbox: Letterbox) -> None:
        try:
            detect_all(self._slots, jobs, letterbox)
        except Exception as error:
            for job in jobs:
                job.rows.clear()
                job.cards.clear()
            if len(jobs) > 1:
                for job in jobs:
                    self._compute_group([job], letterbox)
                return
            jobs[0].error = error
            log.exception("frame_failed", stream=jobs[0].stream.stream_id, frame=jobs[0].frame.number)

    def _deliver(self, builder: ResultBuilder, job: FrameJob, blurrer: Blurrer | None) -> None:
        if job.released:
            return
        job.released = True
        if job.error is not None:
            FRAMES_DROPPED.labels(job.stream.stream_id, "error").inc()
            return
        try:
            frame = job.frame if blurrer is None else blurrer.blurred(job.frame, job.rows.values())
            result = builder.result(job, frame)
            started = time.perf_counter()
            self._emit(frame, result)
            STAGE_SECONDS.labels("publish").observe(time.perf_counter() - started)
        except Exception:
            FRAMES_DROPPED.labels(job.stream.stream_id, "error").inc()
            log.exception("result_failed", stream=job.stream.stream_id, frame=job.frame.number)
