"""Events and results to test with."""

from __future__ import annotations

import time
from typing import Any

from workers.bus.event import Event, Kind, event_id
from workers.bus.message_bus import DETECTIONS, EVENTS, Message
from workers.bus.result import Detection, FrameResult, Latency
from workers.wall_clock import WallClock

SESSION = "01JD0000000000000000000000"
BEGAN_NS = 1_790_000_000_000_000_000
"""Some moment, 2026-09-21 14:13:20 UTC."""


def happened(number: int, kind: Kind = "track_began", stream_id: str = "door", **fields: Any) -> Event:
    """The `number`-th event of a stream: a second after the one before."""
    given = {"session": SESSION, "pts_us": number * 1_000_000, "captured_at_ns": BEGAN_NS + number * 10**9, **fields}
    who = event_id(kind, stream_id, given["session"], given["pts_us"], given.get("track_id"), given.get("rule"))
    return Event(id=who, kind=kind, stream_id=stream_id, **given)


def result(frame: int, stream_id: str = "door", session: str = SESSION, labels: tuple[str, ...] = ()) -> FrameResult:
    """The result of a frame; one detection for each label, tracks numbered from 1."""
    return FrameResult(
        schema="livesight.frame/1",
        stream_id=stream_id,
        session=session,
        frame=frame,
        skipped=0,
        pts_us=frame * 40_000,
        captured_at_ns=BEGAN_NS + frame * 40_000_000,
        size_wh=(640, 360),
        node="test",
        detections=tuple(
            Detection(detector="mask", track_id=number, label=label, confidence=0.9, xyxy=(10, 10, 50, 50))
            for number, label in enumerate(labels, 1)
        ),
        models={"mask": 1},
        latency_ms=Latency(decode=1, wait=1, inference=1, total=3),
    )


def message(content: FrameResult | Event) -> Message:
    """As it goes over the bus."""
    topic = DETECTIONS if isinstance(content, FrameResult) else EVENTS
    return Message(topic, content.stream_id, content.to_json(), (), time.monotonic())


class Leaping(WallClock):
    """A wall clock that leaps by `leap_s`."""

    def __init__(self) -> None:
        self.leap_s = 0.0
        super().__init__(lambda: time.time_ns() + int(self.leap_s * 1e9))
