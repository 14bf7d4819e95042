"""Events as HTTP shows them: with the URLs of their files. Blocks; any thread."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from monitoring.store.media import of_events, of_tracks, track_of
from workers.bus.event import Event


class StoredEvent(Event):
    """An event and where its files are; null where there are none."""

    snapshot_url: str | None = None
    picture_url: str | None = None
    clip_url: str | None = None


def shown_events(connection: Connection, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Events with the URLs of their files. An alert has those of the track that caused it."""
    tracks = {track_of(row) for row in rows if row["track_id"] is not None}
    files = {(*track_of(one), one["kind"]): one["id"] for one in of_tracks(connection, tracks)}
    clips = {one["event_id"]: one["id"] for one in of_events(connection, [row["id"] for row in rows])}
    shown = []
    for row in rows:
        crop, picture = (files.get((*track_of(row), kind)) for kind in ("crop", "picture"))
        clip = clips.get(row["id"])
        shown.append(
            {
                **json.loads(row["body"]),
                "snapshot_url": None if crop is None else f"/v1/snapshots/{crop}",
                "picture_url": None if picture is None else f"/v1/snapshots/{picture}",
                "clip_url": None if clip is None else f"/v1/clips/{clip}",
            }
        )
    return shown
