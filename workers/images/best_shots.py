"""The best crop of each track, and the picture it was cut from, to `livesight.snapshots`. Runs on the sideline.

`offer` is called with every result that goes out, on the worker's thread, and only notes who is there; a few times a
second a picture with somebody in it is handed to the sideline, which judges, cuts and encodes. What it is given is what
others may see: a blurred stream's snapshots are blurred.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from prometheus_client import Counter

from stream.frame import Frame
from workers.bus.bus import SNAPSHOTS, Message
from workers.bus.result import Detection, FrameResult
from workers.bus.snapshot import Snapshot, joined
from workers.images.background_jobs import BackgroundJobs
from workers.images.crops import crop_region, cut, quality
from workers.images.jpeg import JpegMaker
from workers.settings import SnapshotSettings

PUBLISHED = Counter("livesight_snapshots_published", "Crops of tracks published, each with its whole picture.")

_LOOK_S = 0.4
_GONE_S = 2.0
"""Not in any result for so long: the tracker gave the track up after a second, and would give it another number."""
_KEEP_GAIN = 1.15
_MOST_A_LOOK = 16


@dataclass(frozen=True, slots=True)
class _Shot:
    """A crop and its picture, ready to be sent."""

    quality: float
    messages: tuple[Message, ...]


@dataclass(slots=True)
class _Track:
    """What was seen of a track. `best` is kept until it is sent; `other`: a label that it had once, for a look."""

    label: str
    other: str | None = None
    looked_s: float = 0.0
    best: _Shot | None = None
    sent_quality: float = 0.0
    sent_s: float = 0.0


@dataclass(slots=True)
class _Stream:
    """One session. `seen_s` is written by the worker's thread, the rest by the sideline's."""

    session: str
    seen_s: dict[int, float] = field(default_factory=dict)
    look_s: float = 0.0
    tracks: dict[int, _Track] = field(default_factory=dict)


class BestShots:
    """Owned by the node. `publish` must not block."""

    def __init__(
        self, node: str, settings: SnapshotSettings, sideline: BackgroundJobs, publish: Callable[[Message], None]
    ) -> None:
        self._node = node
        self._settings = settings
        self._sideline = sideline
        self._publish = publish
        self._streams: dict[str, _Stream] = {}
        self._crops = JpegMaker(settings.crop_px, settings.most_bytes)
        self._pictures = JpegMaker(settings.picture_px, settings.most_bytes)
        sideline.every(self._tick)

    def offer(self, frame: Frame, result: FrameResult) -> None:
        """A picture as it may be shown, and what was seen in it. A stream's come from one thread at a time."""
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
        if tracked and (fresh or now_s >= stream.look_s):
            stream.look_s = now_s + _LOOK_S
            self._sideline.submit(("snapshots", frame.stream_id), partial(self._look, stream, frame, tracked))

    def forget(self, stream_id: str) -> None:
        """The session is over: what was kept back goes out soon."""
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            self._sideline.submit(("snapshots", stream.session), partial(self._finish, stream))

    def close(self) -> None:
        """What was kept back goes out now. The sideline must be closed."""
        while self._streams:
            self._finish(self._streams.popitem()[1])

    def _look(self, stream: _Stream, frame: Frame, tracked: Sequence[Detection]) -> None:
        """Judge the crops of one picture; keep and send the better ones."""
        now_s = time.monotonic()
        wanted: list[tuple[_Track, Detection, float]] = []
        for found in sorted(tracked, key=lambda found: found.track_id in stream.tracks):
            assert found.track_id is not None
            track = stream.tracks.setdefault(found.track_id, _Track(found.label))
            if now_s - track.looked_s < _LOOK_S * 0.9 or not _is_sure(track, found.label):
                continue
            track.looked_s = now_s
            good = quality(frame.image, self._region(frame, found), found.confidence)
            if track.best is None or good > _KEEP_GAIN * track.best.quality:
                wanted.append((track, found, good))
            if len(wanted) == _MOST_A_LOOK:
                break
        whole = self._pictures.jpeg(frame.image) if wanted else b""
        for track, found, good in wanted:
            track.best = _Shot(good, self._messages(frame, found, good, whole))
        for track, _, _ in wanted:
            self._send_when_due(track, now_s)

    def _region(self, frame: Frame, found: Detection) -> tuple[int, int, int, int]:
        return crop_region(found.xyxy, self._settings.margin, frame.size_wh)

    def _messages(self, frame: Frame, found: Detection, good: float, whole: bytes) -> tuple[Message, ...]:
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
            quality=round(good, 1),
            box=joined(found.xyxy),
            region=joined(region),
            size=joined(frame.size_wh),
            node=self._node,
        )
        picture = crop.model_copy(update={"view": "picture", "region": joined((0, 0, *frame.size_wh))})
        small = self._crops.jpeg(cut(frame.image, region))
        pairs = ((crop, small), (picture, whole))
        return tuple(
            Message(SNAPSHOTS, frame.stream_id, data, shot.headers(), time.monotonic()) for shot, data in pairs
        )

    def _send_when_due(self, track: _Track, now_s: float) -> None:
        if track.best is None or track.best.quality <= track.sent_quality:
            return
        better = track.best.quality >= self._settings.gain * track.sent_quality
        if not track.sent_quality or (better and now_s - track.sent_s >= self._settings.again_s):
            self._send(track, now_s)

    def _send(self, track: _Track, now_s: float) -> None:
        if track.best is not None and track.best.quality > track.sent_quality:
            track.sent_quality, track.sent_s = track.best.quality, now_s
            PUBLISHED.inc()
            for message in track.best.messages:
                self._publish(message)

    def _tick(self) -> None:
        """Send what had to wait for its turn; what is the best of tracks that are over."""
        now_s = time.monotonic()
        for stream in list(self._streams.values()):
            for number, seen_s in stream.seen_s.copy().items():
                track = stream.tracks.get(number)
                gone = now_s - seen_s > _GONE_S
                if track is not None:
                    (self._send if gone else self._send_when_due)(track, now_s)
                if gone:
                    stream.seen_s.pop(number, None)
                    stream.tracks.pop(number, None)

    def _finish(self, stream: _Stream) -> None:
        for track in stream.tracks.values():
            self._send(track, time.monotonic())


def _is_sure(track: _Track, label: str) -> bool:
    """Whether a crop with this label may be the track's: one that flickers may not; one that stays begins anew."""
    if label == track.label:
        track.other = None
        return True
    if label != track.other:
        track.other = label
        track.looked_s = time.monotonic()
        return False
    track.label, track.other, track.best, track.sent_quality = label, None, None, 0.0
    return True
