"""Keeps out what arrives after it was deleted: within the transaction that would store it. The monitor's thread.

Of a deleted track nothing is stored any more. Alerts are still raised, for nobody may silence them by deleting: without
what they are about (redaction.py). The same alert is not raised again.
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection

from monitoring.deletion.redaction import redacted
from monitoring.store.media import MediaFile, Track
from monitoring.store.tombstones import (
    DeletedTrack,
    DeletedTracks,
    anything_buried,
    buried_events,
    buried_tracks,
    bury_events,
    has_ended,
    hold_back,
)
from workers.bus.event import Event

_ALERTS = ("alert", "alert_ended")


class Arrivals:
    """What of a batch was not deleted. Made in the transaction that stores the batch, before anything else in it.

    `kept_out`: events were; handlers still knew of them, and may have just forgotten.
    """

    def __init__(self, connection: Connection, events: Sequence[Event], images: Sequence[MediaFile]) -> None:
        hold_back(connection)
        self.kept_out = False
        self._connection = connection
        self._events: set[uuid.UUID] = set()
        self._tracks: DeletedTracks = defaultdict(list)
        if anything_buried(connection):
            self._look(events, images)

    def _look(self, events: Sequence[Event], images: Sequence[MediaFile]) -> None:
        asked = {event.id for event in events} | {event.cause for event in events if event.cause is not None}
        self._events = buried_events(self._connection, asked)
        about: set[Track] = {(one.stream_id, one.session, one.track_id) for one in events if one.track_id is not None}
        about |= {(one.stream_id, one.session, one.track_id) for one in images if one.track_id is not None}
        self._tracks = buried_tracks(self._connection, about)

    def events(self, happened: Sequence[Event]) -> list[Event]:
        """Those to be stored, in order, alerts perhaps redacted."""
        if not (self._events or self._tracks):
            return list(happened)
        kept = [self._kept(event) for event in happened]
        self.kept_out = any(one is not event for one, event in zip(kept, happened, strict=True))
        return [one for one in kept if one is not None]

    def wanted(self, image: MediaFile) -> bool:
        """Whether an image is to be stored."""
        key = (image.stream_id, image.session, image.track_id)
        return not any(one.holds(image.pts_us) for one in self._tracks.get(key, ()))

    def _kept(self, event: Event) -> Event | None:
        if event.id in self._events:
            return None
        track = self._deleted_track(event)
        of_deleted_alert = event.kind == "alert_ended" and event.cause in self._events
        if track is None and not of_deleted_alert:
            return event
        if event.kind == "alert":
            bury_events(self._connection, [event.id], time.time_ns())  # so that its end is redacted, too
            self._events.add(event.id)
        return redacted(event) if event.kind in _ALERTS else None

    def _deleted_track(self, event: Event) -> DeletedTrack | None:
        """The deleted track that an event is about. One that was in view may end with it."""
        known = self._tracks.get((event.stream_id, event.session, event.track_id), ())
        holding = [one for one in known if one.holds(event.pts_us)]
        if event.kind == "track_ended":
            for track in holding:
                has_ended(self._connection, track, event)
        return next((one for one in holding if one.what == "track"), None)
