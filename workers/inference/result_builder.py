"""One stream's boxes into results: tracking, thresholds, attributes, identity, skipped frames. One thread at a time."""

from __future__ import annotations

import time
from itertools import count

from stream.frame import Frame
from stream.metrics import STAGE_SECONDS
from workers.bus.result import Detection, FrameResult, Latency
from workers.engines.engine import F32
from workers.images.image_figures import StreamImageFigures
from workers.inference.batcher import FrameJob
from workers.inference.classify_tracks import StreamClassifier
from workers.inference.identify_tracks import StreamIdentity
from workers.inference.tracking import TrackedBoxes, Tracker
from workers.metrics import DETECTIONS, FRAMES_ANALYSED, LATENCY_SECONDS
from workers.model_card import ModelCard


class ResultBuilder:
    """Builds the result of each frame of one stream, in order. A new session starts with new trackers.

    confidence: overrides the thresholds of the cards. counted: False leaves the stream's metrics alone, as for an image
    that belongs to no stream. Without `figures` results carry none, and without `identity` nobody is named.
    """

    def __init__(
        self,
        node: str,
        classifier: StreamClassifier,
        figures: StreamImageFigures | None = None,
        confidence: float | None = None,
        counted: bool = True,
    ) -> None:
        self._counted = counted
        self._figures = figures
        self._node = node
        self._classifier = classifier
        self.identity: StreamIdentity | None = None
        self._confidence = confidence
        self._session: str | None = None
        self._last_ordinal = -1
        self._trackers: dict[str, Tracker] = {}
        self._track_numbers = count(1)

    def result(self, job: FrameJob, shown: Frame | None = None) -> FrameResult:
        """The result of the stream's next frame. `shown`: the frame as others may see it, where that is blurred."""
        frame = job.frame
        if frame.session != self._session:
            self._reset(frame.session)
        detections, attributes, versions = self._classifier.apply(frame, self._detections(job))
        if self.identity is not None:
            self.identity.budget.earn(job.inference_s)
            detections = self.identity.apply(frame, detections)
        image = None if self._figures is None else self._figures.of(shown or frame, detections)
        if image is not None and attributes:
            image = image.model_copy(update={"attributes": attributes})
        skipped = max(0, frame.ordinal - self._last_ordinal - 1)
        self._last_ordinal = frame.ordinal
        if self._counted:
            _count(job, detections)
        return FrameResult(
            stream_id=frame.stream_id,
            session=frame.session,
            frame=frame.number,
            skipped=skipped,
            pts_us=frame.pts_us,
            captured_at_ns=frame.captured_at_ns,
            size_wh=frame.size_wh,
            node=self._node,
            detections=tuple(detections),
            image=image,
            models={name: card.version for name, card in job.cards.items()} | versions,
            latency_ms=_latency(job),
        )

    def _reset(self, session: str) -> None:
        self._session, self._last_ordinal = session, -1
        self._trackers, self._track_numbers = {}, count(1)
        self._classifier.reset()
        if self.identity is not None:
            self.identity.reset()
        if self._figures is not None:
            self._figures.reset()

    def _detections(self, job: FrameJob) -> list[Detection]:
        started = time.perf_counter()
        detections = [
            detection
            for name, rows in job.rows.items()
            for detection in self._track(name, job.cards[name], rows, job.frame.pts_us)
        ]
        STAGE_SECONDS.labels("track").observe(time.perf_counter() - started)
        return detections

    def _track(self, name: str, card: ModelCard, rows: F32, pts_us: int) -> list[Detection]:
        confident = self._confidence or min(card.threshold(label) for label in card.classes)
        tracker = self._trackers.get(name)
        if tracker is None:
            tracker = self._trackers[name] = Tracker(confident, numbers=self._track_numbers)
        tracker.confident = confident  # another version may have come into service
        return self._above_threshold(name, card, tracker.update(rows, pts_us))

    def _above_threshold(self, name: str, card: ModelCard, boxes: TrackedBoxes) -> list[Detection]:
        detections = []
        columns = (boxes.xyxy.tolist(), boxes.confidence.tolist(), boxes.class_id.tolist(), boxes.track_id.tolist())
        for xyxy, confidence, class_id, track_id in zip(*columns, strict=True):
            label = card.classes[class_id]
            if confidence < (card.threshold(label) if self._confidence is None else self._confidence):
                continue
            x1, y1, x2, y2 = (round(value, 1) for value in xyxy)
            detections.append(
                Detection(
                    detector=name,
                    track_id=None if track_id < 0 else track_id,
                    label=label,
                    confidence=round(min(1.0, confidence), 4),
                    xyxy=(x1, y1, x2, y2),
                )
            )
        return sorted(detections, key=lambda detection: (-detection.confidence, detection.xyxy))


def _count(job: FrameJob, detections: list[Detection]) -> None:
    frame = job.frame
    STAGE_SECONDS.labels("wait").observe(max(0.0, job.taken_s - frame.arrived_s - frame.decode_s))
    LATENCY_SECONDS.observe(time.monotonic() - frame.arrived_s)
    FRAMES_ANALYSED.labels(frame.stream_id).inc()
    for detection in detections:
        DETECTIONS.labels(frame.stream_id, detection.label).inc()


def _latency(job: FrameJob) -> Latency:
    frame = job.frame
    return Latency(
        decode=_ms(frame.decode_s),
        wait=_ms(max(0.0, job.taken_s - frame.arrived_s - frame.decode_s)),
        inference=_ms(job.inference_s),
        total=_ms(time.monotonic() - frame.arrived_s),
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
