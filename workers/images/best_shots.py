"""The best crop of each track, and the frame it was cut from, to `livesight.snapshots`. Runs in the background.

A track brings few snapshots, whatever becomes of it: one when it is first seen, others only when they are clearly
better or its label changed, and the last is saved for its end, when it is known which crop was the best.

`offer` is called with every result that goes out, on the worker's thread, and only notes which tracks are there; a few
times a second a frame with a track in it becomes a background job, which judges, crops and encodes. Frames come as
others may see them: a blurred stream's snapshots are blurred.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from prometheus_client import Counter

from stream.frame import Frame
from workers.bus.media import MOST_BOXES, SEEN_BOXES, SeenBox, Snapshot, joined
from workers.bus.message_bus import SNAPSHOTS, Message
from workers.bus.result import Detection, FrameResult
from workers.images.background_jobs import BackgroundJobs
from workers.images.crop_quality import crop_quality
from workers.images.crops import crop_image, crop_region
from workers.images.jpeg import BoundedJpegEncoder
from workers.settings import SnapshotSettings

PUBLISHED = Counter("livesight_snapshots_published", "Crops of tracks published, each with its whole frame.")

_INTERVAL_S = 0.4
_GONE_S = 2.0
"""In no result for so long: the tracker dropped the track after a second, and would number it anew."""
_STORE_GAIN = 1.15
_MOST_CROPS = 16
_MOST_GONE = 4096
"""Numbers of tracks that are gone whose snapshots are remembered: a track that comes back may get its number again."""


@dataclass(frozen=True, slots=True)
class _Shot:
    """A crop and its frame, ready to be sent."""

    quality: float
    messages: tuple[Message, ...]


@dataclass(slots=True)
class _Track:
    """One track. `best`: its best crop so far, sent or not; `other`: a label that it had in the last crop only.

    `sent`: how many snapshots of it were sent; `sent_quality`: of the last with its present label, 0 without any.
    """

    label: str
    other: str | None = None
    judged_s: float = 0.0
    best: _Shot | None = None
    sent: int = 0
    sent_quality: float = 0.0
    sent_s: float = 0.0


@dataclass(slots=True)
class _Stream:
    """One session. `seen_s` is written by the worker's thread, the rest by the background thread.

    `gone`: tracks that are not there any more, without their shots.
    """

    session: str
    seen_s: dict[int, float] = field(default_factory=dict)
    due_s: float = 0.0
    tracks: dict[int, _Track] = field(default_factory=dict)
    gone: dict[int, _Track] = field(default_factory=dict)

    def track(self, number: int, label: str) -> _Track:
        """The track of that number, also one that was gone."""
        if number not in self.tracks:
            self.tracks[number] = self.gone.pop(number) if number in self.gone else _Track(label)
        return self.tracks[number]

    def drop(self, number: int) -> None:
        """It is gone; what was sent of it is remembered for a while."""
        self.seen_s.pop(number, None)
        track = self.tracks.pop(number, None)
        if track is not None:
            track.best = None
            self.gone[number] = track
        if len(self.gone) > _MOST_GONE:
            del self.gone[next(iter(self.gone))]


class BestShots:
    """Owned by the node. `publish` must not block."""

    def __init__(
        self, node: str, settings: SnapshotSettings, background: BackgroundJobs, publish: Callable[[Message], None]
    ) -> None:
        self._node = node
        self._settings = settings
        self._background = background
        self._publish = publish
        self._streams: dict[str, _Stream] = {}
        self._crops = BoundedJpegEncoder(settings.crop_px, settings.most_bytes)
        self._frames = BoundedJpegEncoder(settings.picture_px, settings.most_bytes)
        background.every(self._tick)

    def offer(self, frame: Frame, result: FrameResult) -> None:
        """Take a frame as it may be shown, and its result. Those of a stream come from one thread at a time."""
        tracked = [found for found in result.detections if found.track_id is not None]
        stream = self._streams.get(frame.stream_id)
        if not self._settings.enabled or not (tracked or stream):
            return
        if stream is None or stream.session != frame.session:
            self.forget(frame.stream_id)
            stream = self._streams[frame.stream_id] = _Stream(frame.session)
        now_s = time.monotonic()
        fresh = False
        for found in tracked:
            assert found.track_id is not None
            fresh = fresh or found.track_id not in stream.seen_s
            stream.seen_s[found.track_id] = now_s
        if tracked and (fresh or now_s >= stream.due_s):
            stream.due_s = now_s + _INTERVAL_S
            self._background.submit(
                ("snapshots", frame.stream_id), partial(self._judge, stream, frame, result.detections)
            )

    def forget(self, stream_id: str) -> None:
        """End the stream's session: unsent crops go out soon."""
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            self._background.submit(("snapshots", stream.session), partial(self._finish, stream))

    def close(self) -> None:
        """Send unsent crops now. The background jobs must be closed."""
        while self._streams:
            self._finish(self._streams.popitem()[1])

    def _judge(self, stream: _Stream, frame: Frame, detections: Sequence[Detection]) -> None:
        """Judge the crops of one frame; store and send the better ones."""
        now_s = time.monotonic()
        tracked = [found for found in detections if found.track_id is not None]
        better: list[tuple[_Track, Detection, float]] = []
        for found in sorted(tracked, key=lambda found: found.track_id in stream.tracks):
            assert found.track_id is not None
            track = stream.track(found.track_id, found.label)
            if track.sent >= self._settings.per_track or now_s - track.judged_s < _INTERVAL_S * 0.9:
                continue
            if not _is_sure(track, found.label):
                continue
            track.judged_s = now_s
            score = crop_quality(frame.image, self._region(frame, found), found.confidence)
            if track.best is None or score > _STORE_GAIN * track.best.quality:
                better.append((track, found, score))
            if len(better) == _MOST_CROPS:
                break
        whole = self._frames.jpeg(frame.image) if better else b""
        for track, found, score in better:
            track.best = _Shot(score, self._messages(frame, (found, detections), score, whole))
        for track, _, _ in better:
            self._send_when_due(track, now_s)

    def _region(self, frame: Frame, found: Detection) -> tuple[int, int, int, int]:
        return crop_region(found.xyxy, self._settings.margin, frame.size_wh)

    def _messages(
        self, frame: Frame, seen: tuple[Detection, Sequence[Detection]], score: float, whole: bytes
    ) -> tuple[Message, ...]:
        """seen: the track's detection, and all of the frame."""
        found, detections = seen
        region = self._region(frame, found)
        crop = Snapshot(
            view="crop",
            session=frame.session,
            track=found.track_id or 0,
            pts_us=frame.pts_us,
            captured_at_ns=frame.captured_at_ns,
            detector=found.detector,
            label=found.label,
            confidence=found.confidence,
            quality=round(score, 1),
            box=joined(found.xyxy),
            region=joined(region),
            size=joined(frame.size_wh),
            node=self._node,
            boxes=_boxes(found, detections),
        )
        whole_frame = crop.model_copy(update={"view": "picture", "region": joined((0, 0, *frame.size_wh))})
        small = self._crops.jpeg(crop_image(frame.image, region))
        pairs = ((crop, small), (whole_frame, whole))
        return tuple(
            Message(SNAPSHOTS, frame.stream_id, data, shot.headers(), time.monotonic()) for shot, data in pairs
        )

    def _send_when_due(self, track: _Track, now_s: float) -> None:
        """The first with its label at once, a clearly better one after a while unless that is to be the last."""
        saved = 0 if not track.sent_quality else 1
        if now_s - track.sent_s >= self._settings.again_s or not track.sent_quality:
            self._send(track, now_s, saved)

    def _send(self, track: _Track, now_s: float, saved: int = 0) -> None:
        """Send the best if it is clearly better than what was sent. saved: how many of those allowed are to be left."""
        if track.best is None or track.sent >= self._settings.per_track - saved:
            return
        if track.sent_quality and track.best.quality < self._settings.gain * track.sent_quality:
            return
        track.sent, track.sent_quality, track.sent_s = track.sent + 1, track.best.quality, now_s
        PUBLISHED.inc()
        for message in track.best.messages:
            self._publish(message)

    def _tick(self) -> None:
        """Send crops whose interval is over, and the best of tracks that have ended."""
        now_s = time.monotonic()
        for stream in list(self._streams.values()):
            for number, seen_s in stream.seen_s.copy().items():
                track = stream.tracks.get(number)
                gone = now_s - seen_s > _GONE_S
                if track is not None:
                    (self._send if gone else self._send_when_due)(track, now_s)
                if gone:
                    stream.drop(number)

    def _finish(self, stream: _Stream) -> None:
        for track in stream.tracks.values():
            self._send(track, time.monotonic())


def _boxes(own: Detection, detections: Sequence[Detection]) -> str:
    """As Snapshot's `boxes`: the own one first, then the surest."""
    others = sorted((one for one in detections if one is not own), key=lambda one: -one.confidence)
    seen = tuple(
        SeenBox(track_id=one.track_id, label=one.label, confidence=one.confidence, xyxy=one.xyxy)
        for one in (own, *others)[:MOST_BOXES]
    )
    return SEEN_BOXES.dump_json(seen).decode()


def _is_sure(track: _Track, label: str) -> bool:
    """Whether a crop with this label may be the track's: a label that flickers may not; one that stays starts anew."""
    if label == track.label:
        track.other = None
        return True
    if label != track.other:
        track.other = label
        track.judged_s = time.monotonic()
        return False
    track.label, track.other, track.best, track.sent_quality = label, None, None, 0.0
    return True
