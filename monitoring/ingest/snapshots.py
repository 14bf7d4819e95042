"""Snapshots as they come over the bus: a JPEG, and in its headers whose. Pure."""

from __future__ import annotations

from pydantic import ValidationError

from monitoring.ingest.inbox import InboxMessage
from monitoring.store.media import MediaFile
from workers.bus.media import Snapshot

_JPEG = b"\xff\xd8"
_LONGEST = 64
_LARGEST = 2**62


def read_snapshot(item: InboxMessage) -> MediaFile | None:
    """What a snapshot shows, or None for one that cannot be understood. The session becomes part of a file's name."""
    try:
        told = Snapshot.model_validate({name: value.decode() for name, value in item.headers})
    except (ValidationError, UnicodeDecodeError):
        return None
    named = told.session.isalnum() and len(told.session) <= _LONGEST
    in_range = 0 <= told.captured_at_ns < _LARGEST and abs(told.pts_us) < _LARGEST and abs(told.track) < _LARGEST
    if not (named and in_range and item.value.startswith(_JPEG)):
        return None
    return MediaFile(
        kind=told.view,
        stream_id=item.key,
        session=told.session,
        track_id=told.track,
        pts_us=told.pts_us,
        captured_at_ns=told.captured_at_ns,
        media_type=told.content_type,
        quality=told.quality,
    )
