"""Occupancy: how many tracks are in view and in each zone, without the flicker. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from monitoring.core.handler import formerly
from monitoring.events.event_factory import EventFactory
from monitoring.events.track_state import Track
from workers.bus.event import Event

_UNSETTLED = 5
"""A count that never stays the same for `count_s` is reported after this many times that."""


@dataclass(slots=True)
class OccupancyCount:
    """A count as last reported, and the next one, which has not lasted yet. Stored as JSON."""

    reported: Annotated[int, formerly("reported", "told")] = 0
    next: int = 0
    next_us: int = 0
    next_ns: int = 0
    unsettled_us: Annotated[int | None, formerly("unsettled_us", "restless_us")] = None

    def update(self, now: int, pts_us: int, captured_at_ns: int, count_s: float) -> int | None:
        """Take the current count. Returns the count reported before, when the new one has lasted long enough."""
        if now == self.reported:
            self.next, self.unsettled_us = now, None
            return None
        if now != self.next or self.unsettled_us is None:
            self.next, self.next_us, self.next_ns = now, pts_us, captured_at_ns
        if self.unsettled_us is None:
            self.unsettled_us = pts_us
        same_s, unsettled_s = (pts_us - self.next_us) / 1e6, (pts_us - self.unsettled_us) / 1e6
        if same_s < count_s and unsettled_s < _UNSETTLED * count_s:
            return None
        before, self.reported, self.unsettled_us = self.reported, now, None
        return before


Counts = dict[str, OccupancyCount]
"""By detector and zone (see _key); the whole frame is the zone without a name."""


def count_tracks(tracks: Iterable[Track]) -> Counter[str]:
    """How many tracks of each detector are in view, and in each zone."""
    counted: Counter[str] = Counter()
    for track in tracks:
        counted[_key(track.detector, "")] += 1
        counted.update(_key(track.detector, name) for name, visit in track.visits.items() if visit.inside)
    return counted


def report_counts(
    factory: EventFactory, counts: Counts, counted: Counter[str], moment: tuple[int, int], count_s: float
) -> Iterable[Event]:
    """Events of the counts that changed with the frame at `moment` (pts_us, captured_at_ns)."""
    for key in sorted({*counts, *counted}):
        count = counts.setdefault(key, OccupancyCount())
        before = count.update(counted[key], *moment, count_s)
        if before is not None:
            yield _changed(factory, key, (before, count.reported), (count.next_us, count.next_ns))
        if count.reported == count.next == 0:
            del counts[key]


def end_counts(factory: EventFactory, counts: Counts, moment: tuple[int, int], reason: str) -> Iterable[Event]:
    """All counts fall to 0 as the session ends; `moment` is that of its last frame."""
    for key in sorted(counts):
        if counts[key].reported:
            yield _changed(factory, key, (counts[key].reported, 0), moment, reason)
    counts.clear()


def _key(detector: str, zone: str) -> str:
    return f"{detector}/{zone}"


def _changed(
    factory: EventFactory, key: str, change: tuple[int, int], moment: tuple[int, int], reason: str | None = None
) -> Event:
    """`change`: the count before and now."""
    detector, _, zone = key.partition("/")
    before, now = change
    return factory.event(
        "count_changed",
        *moment,
        key if reason is None else f"{key}/{reason}",  # the last frame may have changed the count already
        detector=detector,
        zone=zone or None,
        count=now,
        before=str(before),
        reason=reason,
    )
