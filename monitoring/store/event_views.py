"""Events as HTTP shows them: with the URLs of their files. Blocks; any thread."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import Field
from sqlalchemy import Connection

from monitoring.core.telling import Telling
from monitoring.store.media import of_events, of_tracks, track_of
from workers.bus.event import Event
from workers.captions.caption import Caption


class StoredEvent(Event):
    """An event and where its files are; null where there are none."""

    snapshot_url: str | None = None
    picture_url: str | None = None
    clip_url: str | None = None
    caption: Caption | None = Field(
        default=None, description="What happened in a sentence, made when asked for; each phrase with its fields."
    )
    names: dict[str, str] = Field(default={}, description="Id → name of those it is about, for who may see names.")


def shown_events(connection: Connection, rows: Sequence[Any], telling: Telling) -> list[dict[str, Any]]:
    """Events with the URLs of their files, and captions. An alert has the files of the track that caused it."""
    tracks = {track_of(row) for row in rows if row["track_id"] is not None}
    files = {(*track_of(one), one["kind"]): one["id"] for one in of_tracks(connection, tracks)}
    clips = {one["event_id"]: one["id"] for one in of_events(connection, [row["id"] for row in rows])}
    shown = []
    for row in rows:
        crop, picture = (files.get((*track_of(row), kind)) for kind in ("crop", "picture"))
        clip = clips.get(row["id"])
        told = telling.names.event(json.loads(row["body"]))
        caption = telling.event(Event.model_validate_json(row["body"]).model_copy(update={"text": told["text"]}))
        shown.append(
            {
                **told,
                "snapshot_url": None if crop is None else f"/v1/snapshots/{crop}",
                "picture_url": None if picture is None else f"/v1/snapshots/{picture}",
                "clip_url": None if clip is None else f"/v1/clips/{clip}",
                "caption": None if caption is None else caption.model_dump(mode="json"),
            }
        )
    return shown
