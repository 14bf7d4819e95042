"""Snapshots as they come over the bus: a JPEG, and in its headers whose. Pure."""

from __future__ import annotations

import time

from monitoring.inbox import Item
from monitoring.media import Picture

_LONGEST = 64
_MOST = 2**62


def read_snapshot(item: Item) -> Picture | None:
    """What a snapshot shows, or None for one that cannot be understood."""
    headers = {name: value.decode(errors="replace") for name, value in item.headers}
    try:
        captured_at_ns = int(headers.get("captured_at_ns") or time.time_ns())
        picture = Picture(
            kind=headers["view"],
            stream_id=item.key,
            session=headers["session"],
            track_id=int(headers["track"]),
            pts_us=int(headers["pts_us"]),
            captured_at_ns=captured_at_ns,
            media_type="image/jpeg",
            quality=float(headers["quality"]) if "quality" in headers else None,
        )
    except (KeyError, ValueError):
        return None
    fine = (
        picture.kind in ("crop", "picture")
        and 0 < len(picture.session) <= _LONGEST
        and picture.session.isalnum()
        and 0 <= captured_at_ns < _MOST
        and abs(picture.pts_us) < _MOST
        and abs(picture.track_id or 0) < _MOST
        and item.value.startswith(b"\xff\xd8")
    )
    return picture if fine else None
