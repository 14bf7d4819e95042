"""Images of tracks that are not stored, held in memory in case an alert comes to need them. The monitor's thread.

An alert is often raised long after its track was seen best. What no alert needs is never written to a disk.
"""

from __future__ import annotations

from collections.abc import Sequence

from monitoring.store.media import MediaFile, Track
from monitoring.store.retention_policy import ALERT, RetentionPolicy, kind_of_media
from workers.bus.event import Event

Image = tuple[MediaFile, bytes]

_MOST_BYTES = 32 * 2**20
_MOST_TRACKS = 10_000


class HeldImages:
    """The newest crop and picture of each track, up to so many bytes; the oldest go first."""

    def __init__(self, policy: RetentionPolicy, most_bytes: int = _MOST_BYTES) -> None:
        self._policy = policy
        self._most_bytes = most_bytes
        self._held: dict[tuple[Track, str], Image] = {}
        self._bytes = 0
        self._shown: dict[Track, None] = {}  # tracks with an alert: what comes of them is stored

    def choose(self, images: Sequence[Image], events: Sequence[Event]) -> list[Image]:
        """Which images to store, of these and of those held, when these events are stored.

        Called again with the same after a failed transaction it says the same; `stored` tells of one that did not fail.
        """
        if not self._policy.has_rules:
            return list(images)
        chosen = []
        for file, data in images:
            if self._policy.stores(kind_of_media(file.kind), file.stream_id):
                chosen.append((file, data))
            else:
                self._hold(file, data)
        for event in events:
            if event.kind == ALERT and event.track_id is not None:
                self._shown[event.stream_id, event.session, event.track_id] = None
        while len(self._shown) > _MOST_TRACKS:
            del self._shown[next(iter(self._shown))]
        return chosen + [image for (track, _), image in self._held.items() if track in self._shown]

    def stored(self, images: Sequence[Image]) -> None:
        """They are committed."""
        for file, _ in images:
            self._drop(_place(file))

    def _hold(self, file: MediaFile, data: bytes) -> None:
        place = _place(file)
        self._drop(place)
        self._held[place] = (file, data)
        self._bytes += len(data)
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._held)))

    def _drop(self, place: tuple[Track, str]) -> None:
        held = self._held.pop(place, None)
        self._bytes -= 0 if held is None else len(held[1])


def _place(file: MediaFile) -> tuple[Track, str]:
    return (file.stream_id, file.session, file.track_id), file.kind
