"""Reads messages as they come over the bus: results, events of nodes, snapshots; counts the unreadable. One thread.

Nothing that a message holds raises: whoever may write to the topics would stop the monitor with it.
"""

from __future__ import annotations

import re

from pydantic import ValidationError

from monitoring.ingest.inbox import SOURCE_HEADER, InboxMessage
from monitoring.store.media import MediaFile
from monitoring.store.overlay import boxes_of
from stream.config import STREAM_ID_PATTERN
from workers.bus.event import Event
from workers.bus.identifiers import UnreadableMessages
from workers.bus.media import Snapshot
from workers.bus.message_bus import EVENTS
from workers.bus.result import FrameResult

NODE_KINDS = ("stream_up", "stream_down")
_MOST_LABEL = 200
_JPEG = b"\xff\xd8"
_STREAM_ID = re.compile(STREAM_ID_PATTERN)
_unreadable = UnreadableMessages()


def read_result(message: InboxMessage) -> FrameResult | None:
    """The result of a frame; None when it cannot be understood, or holds numbers that a database cannot."""
    try:
        return FrameResult.model_validate_json(message.value)
    except ValidationError as error:
        _unreadable.note(message.topic, message.key, error)
        return None


def read_event(message: InboxMessage) -> Event | None:
    """An event that a node made; None for events of monitors, and for what cannot be understood."""
    if message.topic != EVENTS or SOURCE_HEADER in message.headers:
        return None
    try:
        event = Event.model_validate_json(message.value)
    except ValidationError as error:
        _unreadable.note(message.topic, message.key, error)
        return None
    if event.kind not in NODE_KINDS:
        return None
    if event.captured_at_ns < 0 or not _STREAM_ID.fullmatch(event.stream_id) or len(event.label or "") > _MOST_LABEL:
        _unreadable.note(
            message.topic, message.key, "fields", "captured_at_ns, stream_id or label: beyond their bounds"
        )
        return None
    return event


def read_snapshot(message: InboxMessage) -> MediaFile | None:
    """What a snapshot shows; None when it cannot be understood."""
    if not _STREAM_ID.fullmatch(message.key):
        _unreadable.note(message.topic, message.key, "key", "the key is no id of a stream")
        return None
    try:
        headers = Snapshot.model_validate({name: value.decode() for name, value in message.headers})
        boxes = boxes_of(headers)
    except ValidationError as error:
        _unreadable.note(message.topic, message.key, error)
        return None
    except (UnicodeDecodeError, AttributeError):  # a header without a value
        _unreadable.note(message.topic, message.key, "fields", "headers: no text")
        return None
    if not message.value.startswith(_JPEG):
        _unreadable.note(message.topic, message.key, "content", "no JPEG")
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
        boxes=boxes,
    )
