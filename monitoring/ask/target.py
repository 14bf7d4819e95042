"""What a plan is run on: a connection, the streams that may be seen, pieces of time; and what running finds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, or_

from monitoring.ask.plan import AskPlan, By
from monitoring.tracks.record import TrackRecord
from workers.access.principal import StreamScope

DAY_NS = 86_400 * 10**9
MOST_SHOWN = 20
"""Events or tracks that an answer shows; all are counted."""

Span = tuple[int, int]
"""From one time on and before another, nanoseconds since 1970."""


@dataclass(frozen=True)
class Target:
    """spans: in order, none empty. people: the ids that the plan's people and groups come to; None: anybody.

    canonical: the id that somebody counts as, who may have several. names: the cameras and zones that are meant.
    """

    connection: Connection
    plan: AskPlan
    scope: StreamScope
    zone: ZoneInfo
    spans: Sequence[Span]
    people: Sequence[str] | None
    now_ns: int
    canonical: Callable[[str], str | None] = lambda one: one
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def since_ns(self) -> int:
        """Where the first piece of time begins."""
        return self.spans[0][0] if self.spans else 0

    @property
    def until_ns(self) -> int:
        """Where the last one ends."""
        return self.spans[-1][1] if self.spans else 0

    def within(self, column: ColumnElement[int]) -> list[ColumnElement[bool]]:
        """Conditions on a time."""
        found = [column >= self.since_ns, column < self.until_ns]
        if len(self.spans) > 1:
            found.append(or_(*((column >= since) & (column < until) for since, until in self.spans)))
        return found


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was found: a track (`record`), an event (`row`), or an outage (neither).

    until_ns: None where it has no end, or none yet.
    """

    at_ns: int
    camera: str
    until_ns: int | None = None
    person: str | None = None
    label: str | None = None
    zone: str | None = None
    record: TrackRecord | None = None
    row: Any = None


@dataclass(frozen=True, slots=True)
class Tally:
    """So many of a value; when the first and the last were, where that is asked for."""

    value: str | None
    count: int
    first_ns: int | None = None
    last_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long so many things lasted, in seconds. going_on: how many have not ended, and do not count."""

    count: int
    total_s: float
    longest_s: float
    going_on: int = 0


class Facts(Protocol):
    """What can be known of a plan's subject. Blocks."""

    def count(self) -> int:
        """How many."""
        ...

    def groups(self, by: By) -> Sequence[Tally]:
        """How many by a value; of hours and days `value` is where they begin, ISO 8601 in the zone of whoever asks."""
        ...

    def items(self, *, newest: bool, limit: int) -> Sequence[Item]:
        """The newest, or the oldest, in that order."""
        ...

    def lengths(self) -> Lengths:
        """How long they lasted."""
        ...


def start_of(at_ns: int, by: By, zone: ZoneInfo) -> str:
    """Where the hour or the day of a time begins, as groups say it."""
    moment = datetime.fromtimestamp(at_ns // 10**9, zone)
    return moment.date().isoformat() if by == "day" else moment.replace(minute=0, second=0).isoformat()


def folded(quarters: Mapping[int, int], by: By, zone: ZoneInfo) -> list[Tally]:
    """Counts of quarters of an hour as those of hours or days."""
    found: dict[str, int] = {}
    for at_ns, count in sorted(quarters.items()):
        start = start_of(at_ns, by, zone)
        found[start] = found.get(start, 0) + count
    return [Tally(start, count) for start, count in found.items()]


def starts(spans: Sequence[Span], by: By, zone: ZoneInfo) -> list[str]:
    """All hours or days that the pieces of time touch."""
    step_ns = 900 * 10**9
    return list(
        dict.fromkeys(start_of(at_ns, by, zone) for since, until in spans for at_ns in range(since, until, step_ns))
    )


def moment_of(at_ns: int) -> datetime:
    """As filters take it."""
    return datetime.fromtimestamp(at_ns // 10**9, UTC).replace(microsecond=at_ns % 10**9 // 1000)
