"""Reads messages as they come over the bus: results, events of nodes, snapshots. Pure."""

from __future__ import annotations

from prometheus_client import Counter
from pydantic import ValidationError

from monitoring.ingest.inbox import SOURCE_HEADER, InboxMessage
from monitoring.store.media import MediaFile
from workers.bus.event import Event
from workers.bus.media import Snapshot
from workers.bus.message_bus import EVENTS
from workers.bus.result import FrameResult

NODE_KINDS = ("stream_up", "stream_down")
UNREADABLE = Counter("livesight_monitor_unreadable_messages", "Messages that could not be parsed.", ["topic"])
_JPEG = b"\xff\xd8"
_MAX_SESSION = 64
_MAX_NUMBER = 2**62  # what every database holds as an integer


def read_result(message: InboxMessage) -> FrameResult | None:
    """The result of a frame; None when it cannot be understood, or holds numbers that a database cannot."""
    try:
        result = FrameResult.model_validate_json(message.value)
    except ValidationError:
        return None
    return result if _in_range(result) else None


def read_event(message: InboxMessage) -> Event | None:
    """An event that a node made; None for events of monitors, and for what cannot be understood."""
    if message.topic != EVENTS or SOURCE_HEADER in message.headers:
        return None
    try:
        event = Event.model_validate_json(message.value)
    except ValidationError:
        UNREADABLE.labels(message.topic).inc()
        return None
    return event if event.kind in NODE_KINDS and 0 <= event.captured_at_ns < _MAX_NUMBER else None


def read_snapshot(message: InboxMessage) -> MediaFile | None:
    """What a snapshot shows; None when it cannot be understood. The session becomes part of a file's name."""
    try:
        headers = Snapshot.model_validate({name: value.decode() for name, value in message.headers})
    except (ValidationError, UnicodeDecodeError):
        return None
    named = headers.session.isalnum() and len(headers.session) <= _MAX_SESSION
    in_range = (
        0 <= headers.captured_at_ns < _MAX_NUMBER
        and abs(headers.pts_us) < _MAX_NUMBER
        and abs(headers.track) < _MAX_NUMBER
    )
    if not (named and in_range and message.value.startswith(_JPEG)):
        return None
    return MediaFile(
        kind=headers.view,
        stream_id=message.key,
        session=headers.session,
        track_id=headers.track,
        pts_us=headers.pts_us,
        captured_at_ns=headers.captured_at_ns,
        media_type=headers.content_type,
        quality=headers.quality,
    )


def _in_range(result: FrameResult) -> bool:
    """Whether a database can hold its numbers."""
    tracks = (found.track_id or 0 for found in result.detections)
    return (
        0 <= result.captured_at_ns < _MAX_NUMBER
        and abs(result.pts_us) < _MAX_NUMBER
        and all(abs(track) < _MAX_NUMBER for track in tracks)
    )
