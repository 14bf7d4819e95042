"""How many there are, in the picture and in each zone, without the flicker. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from monitoring.events.event_factory import EventFactory
from monitoring.events.track_state import Track
from workers.bus.event import Event

_RESTLESS = 5
"""A count that never stays for `count_s` is told after so many times that."""


@dataclass(slots=True)
class OccupancyCount:
    """A count that was told, and the one that may come after it."""

    told: int = 0
    next: int = 0
    next_us: int = 0
    next_ns: int = 0
    restless_us: int | None = None

    def settle(self, now: int, pts_us: int, captured_at_ns: int, count_s: float) -> int | None:
        """Take what is counted now; what was told until then, when that is another for long enough."""
        if now == self.told:
            self.next, self.restless_us = now, None
            return None
        if now != self.next or self.restless_us is None:
            self.next, self.next_us, self.next_ns = now, pts_us, captured_at_ns
        if self.restless_us is None:
            self.restless_us = pts_us
        same_s, restless_s = (pts_us - self.next_us) / 1e6, (pts_us - self.restless_us) / 1e6
        if same_s < count_s and restless_s < _RESTLESS * count_s:
            return None
        before, self.told, self.restless_us = self.told, now, None
        return before


Counts = dict[str, OccupancyCount]
"""By detector and zone (see _key); the whole picture is the zone without a name."""


def count_tracks(tracks: Iterable[Track]) -> Counter[str]:
    """How many of each detector's are in the picture, and in each zone."""
    counted: Counter[str] = Counter()
    for track in tracks:
        counted[_key(track.detector, "")] += 1
        counted.update(_key(track.detector, name) for name, visit in track.visits.items() if visit.inside)
    return counted


def tell_counts(
    origin: EventFactory, counts: Counts, counted: Counter[str], moment: tuple[int, int], count_s: float
) -> Iterable[Event]:
    """What changed by the picture at `moment` (pts_us, captured_at_ns)."""
    for key in sorted({*counts, *counted}):
        count = counts.setdefault(key, OccupancyCount())
        before = count.settle(counted[key], *moment, count_s)
        if before is not None:
            yield _changed(origin, key, before, count.told, (count.next_us, count.next_ns))
        if count.told == count.next == 0:
            del counts[key]


def end_counts(origin: EventFactory, counts: Counts, moment: tuple[int, int], reason: str) -> Iterable[Event]:
    """Nobody is there any more, as nobody looks; `moment` is that of the last picture."""
    for key in sorted(counts):
        if counts[key].told:
            yield _changed(origin, key, counts[key].told, 0, moment, reason)
    counts.clear()


def _key(detector: str, zone: str) -> str:
    return f"{detector}/{zone}"


def _changed(
    origin: EventFactory, key: str, before: int, now: int, moment: tuple[int, int], reason: str | None = None
) -> Event:
    detector, _, zone = key.partition("/")
    return origin.event(
        "count_changed",
        *moment,
        key if reason is None else f"{key}/{reason}",  # of the last picture there may be another already
        detector=detector,
        zone=zone or None,
        count=now,
        before=str(before),
        reason=reason,
    )
