"""Detectors over frames, and all stages over a single image. Runs on the calling thread."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from stream.frame import Frame
from stream.mailbox import Mailbox
from stream.metrics import STAGE_SECONDS
from workers.bus.result import FrameResult
from workers.engines.engine import F32
from workers.engines.hot_swap import EngineSlot
from workers.engines.letterbox import Letterbox, least_padding
from workers.images.background_jobs import BackgroundJobs
from workers.images.image_figures import StreamImageFigures
from workers.inference.batcher import FrameJob, InferenceStream
from workers.inference.classify import Classifiers
from workers.inference.classify_tracks import StreamClassifier
from workers.inference.result_builder import ResultBuilder
from workers.settings import ClassifySettings, TagSettings


def detect(slot: EngineSlot, name: str, jobs: list[FrameJob], letterbox: Letterbox) -> None:
    """Compute one detector on frames of one size and put its boxes, in pixels of the frame, into their jobs.

    Raises EngineError.
    """
    with slot.use() as engine:
        card = engine.card
        shape = least_padding(jobs[0].frame.size_wh, card.shapes_wh)
        with engine.request(shape) as request:
            started = time.perf_counter()
            placements = [
                letterbox.fill_frame(job.frame, request.tensor[index], card.pad_value, card.color)
                for index, job in enumerate(jobs)
            ]
            converted = time.perf_counter()
            output = request.run(len(jobs))
            computed = time.perf_counter()
    STAGE_SECONDS.labels("convert").observe(converted - started)
    STAGE_SECONDS.labels("inference").observe(computed - converted)
    for job, placement, rows in zip(jobs, placements, output, strict=True):
        used: F32 = rows[rows[:, 4] > 0]
        job.rows[name] = np.hstack([placement.to_image(used[:, :4]), used[:, 4:]])
        job.cards[name] = card
        job.inference_s += computed - converted


def detect_all(slots: Mapping[str, EngineSlot], jobs: list[FrameJob], letterbox: Letterbox) -> None:
    """Compute the detectors among the jobs' models; classifiers follow after tracking. Raises EngineError."""
    for name in jobs[0].stream.models:
        if slots[name].card.task == "detect":
            detect(slots[name], name, jobs, letterbox)
    for job in jobs:
        job.computed = True


def detect_image(slots: Mapping[str, EngineSlot], frame: Frame, models: tuple[str, ...]) -> FrameJob:
    """Compute the detectors on one image that belongs to no stream. Raises EngineError."""
    stream = InferenceStream(frame.stream_id, Mailbox("newest"), models, lambda job: None)
    job = FrameJob(stream, frame, 0, time.monotonic())
    detect_all(slots, [job], Letterbox())
    return job


def image_result(
    slots: Mapping[str, EngineSlot],
    frame: Frame,
    models: tuple[str, ...],
    node: str,
    tags: TagSettings | None = None,
) -> FrameResult:
    """All stages for one image that belongs to no stream, without tracking. Raises EngineError of a detector."""
    classifier = StreamClassifier(slots, models, Classifiers(slots), ClassifySettings(), "stills")
    figures = StreamImageFigures("stills", BackgroundJobs(), tags)
    return ResultBuilder(node, classifier, figures, counted=False).result(detect_image(slots, frame, models))
