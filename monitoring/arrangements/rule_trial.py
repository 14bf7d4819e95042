"""Tries a rule on the events that are stored, before it is saved. Any thread; blocks.

Events are read a page at a time, each in a short transaction of its own: nothing waits for a trial.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, func, select

from monitoring.core.errors import TooManyTrials, TrialRunning
from monitoring.events.settings import EventSettings
from monitoring.rules.replay import Replay, kinds_of
from monitoring.rules.rule import CameraFaultCondition, DownCondition, DriftCondition, Rule, SeenCondition
from monitoring.store.cursor import after_cursor, cursor_of
from monitoring.store.tables import event_hours, events
from monitoring.store.visible import choose
from monitoring.store.writes import HOUR_NS
from workers.access.principal import StreamScope
from workers.bus.event import Event
from workers.database.database import Database

DAY_NS = 86_400 * 10**9
_BEFORE_NS = 600 * 10**9
"""Events from that long before are replayed as well: tracks that were there, and alerts that cooled down."""
_PAGE = 1000
_LONGEST_S = 12.0
_MOST_EVENTS = 60_000
"""Of a busy week the newest hours: what the time of a trial is about enough for."""
_MOST_AT_ONCE = 2

_NOT_STORED = {
    CameraFaultCondition: "The figures of a camera's image are not stored, so its faults cannot be found again.",
    DriftCondition: "What drift detection compares is not stored long enough to find drift again.",
    SeenCondition: "What classifiers said of a track is not stored with its events.",
}


@dataclass(slots=True)
class Trial:
    """What a rule would have raised from `since_ns` until `until_ns` (wall clocks).

    `count` is None where that cannot be known; `gaps` say what could not be known and why. `alerts`: the newest, first.
    `complete`: whether everything was looked at that is stored of the time that was asked for.
    """

    since_ns: int
    until_ns: int
    count: int | None = 0
    first_ns: int | None = None
    last_ns: int | None = None
    complete: bool = True
    gaps: list[str] = field(default_factory=list)
    alerts: list[Event] = field(default_factory=list)


class RuleTrials:
    """Runs trials: one at a time for each principal, and few altogether."""

    def __init__(
        self, database: Database, settings: EventSettings, longest_s: float = _LONGEST_S, most: int = _MOST_EVENTS
    ) -> None:
        """longest_s, most: the time, and the events, of one trial."""
        self._most = most
        self._database = database
        self._settings = settings
        self._longest_s = longest_s
        self._running: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, who: str) -> Iterator[None]:
        """While a trial of theirs runs. who: a principal's id. Raises TrialRunning, TooManyTrials."""
        with self._lock:
            if who in self._running:
                raise TrialRunning("a rule of yours is being tried; wait until that is done")
            if len(self._running) >= _MOST_AT_ONCE:
                raise TooManyTrials("other rules are being tried; try again in some seconds")
            self._running.add(who)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(who)

    def run(self, rule: Rule, scope: StreamScope, days: int, most: int) -> Trial:
        """Try a rule on the streams in the scope. most: alerts that are returned, not counted."""
        until_ns = time.time_ns()
        trial = Trial(until_ns - days * DAY_NS, until_ns)
        kinds = kinds_of(rule)
        if not kinds:
            trial.count = None
            trial.gaps.append(_NOT_STORED[type(rule.when)])
            return trial
        chosen = choose(events.c.stream_id, rule.streams, scope)
        seen = [*chosen.conditions, *([events.c.stream_id.in_(chosen.names)] if chosen.names else [])]
        self._note_gaps(trial, rule, seen)
        busy_ns = self._busy_since(trial, rule, scope)
        if busy_ns > trial.since_ns:
            trial.since_ns, trial.complete = busy_ns, False
            trial.gaps.append("There are too many events to look at all of them: only the newest were tried.")
        self._replay(trial, rule, [self._of_kind(kind, trial, seen) for kind in kinds], most)
        return trial

    def _replay(self, trial: Trial, rule: Rule, kinds: list[Iterator[RowMapping]], most: int) -> None:
        replay, newest = Replay(rule, self._settings), deque[Event](maxlen=most)
        deadline_s = time.monotonic() + self._longest_s
        for row in heapq.merge(*kinds, key=itemgetter("captured_at_ns", "seq")):
            _add(trial, replay.take(Event.model_validate_json(row["body"])), newest)
            if time.monotonic() > deadline_s:
                trial.complete, trial.until_ns = False, row["captured_at_ns"]
                trial.gaps.append("There were too many events to look at all of them: only the first part was tried.")
                break
        _add(trial, replay.finish(trial.until_ns), newest)
        trial.alerts = [*reversed(newest)]

    def _of_kind(self, kind: str, trial: Trial, seen: list[ColumnElement[bool]]) -> Iterator[RowMapping]:
        """Stored events in the order of time, along the index of kinds."""
        times = (events.c.captured_at_ns >= trial.since_ns - _BEFORE_NS, events.c.captured_at_ns < trial.until_ns)
        query = (
            select(events.c.seq, events.c.captured_at_ns, events.c.body)
            .with_hint(events, "INDEXED BY ix_events_kind", "sqlite")
            .where(events.c.kind == kind, *times, *seen)
            .order_by(events.c.captured_at_ns, events.c.seq)
            .limit(_PAGE)
        )
        cursor = None
        while True:
            page = query.where(*after_cursor(events, cursor, newest=False))
            with self._database.read() as connection:
                rows = connection.execute(page).mappings().all()
            yield from rows
            if len(rows) < _PAGE:
                return
            cursor = cursor_of(rows[-1], newest=False)

    def _busy_since(self, trial: Trial, rule: Rule, scope: StreamScope) -> int:
        """The hour since which there are as many events as one trial looks at; 0 where there are fewer."""
        chosen = choose(event_hours.c.stream_id, rule.streams, scope)
        streams = [event_hours.c.stream_id.in_(chosen.names)] if chosen.names else []
        hour = event_hours.c.hour
        query = (
            select(hour, func.sum(event_hours.c.count))
            .where(hour >= trial.since_ns // HOUR_NS, event_hours.c.kind.in_(kinds_of(rule)))
            .where(*chosen.conditions, *streams)
            .group_by(hour)
            .order_by(hour.desc())
        )
        total, since_ns = 0, 0
        with self._database.read() as connection:
            for number, count in connection.execute(query):
                total += int(count)
                if total > self._most:
                    return since_ns or number * HOUR_NS  # the newest hour in any case
                since_ns = number * HOUR_NS
        return 0

    def _note_gaps(self, trial: Trial, rule: Rule, seen: list[ColumnElement[bool]]) -> None:
        """What the stored events cannot tell of this rule. Events kept for less long begin later."""
        oldest = select(events.c.captured_at_ns).where(*seen).order_by(events.c.captured_at_ns).limit(1)
        with self._database.read() as connection:
            oldest_ns = connection.scalar(oldest)
            known = _has_zone(connection, rule, seen)
        if oldest_ns is None or oldest_ns > trial.since_ns:
            trial.since_ns = trial.until_ns if oldest_ns is None else oldest_ns
            trial.gaps.append("No events are stored from before: the rule was tried on less time than was asked for.")
        if not known:
            trial.gaps.append("Nothing that is stored tells of that zone or line: it may be new.")
        if isinstance(rule.when, DownCondition):
            trial.gaps.append("A camera that fell silent without being reported as down is not stored.")


def _has_zone(connection: Any, rule: Rule, seen: list[ColumnElement[bool]]) -> bool:
    """Whether any stored event is of the zone or line that a rule names; so it is where it names none."""
    name = getattr(rule.when, "zone", None) or getattr(rule.when, "place", None)
    if name is None:
        return True
    places = (events.c.zone == name, events.c.line == name)
    return any(connection.execute(select(events.c.seq).where(place, *seen).limit(1)).first() for place in places)


def _add(trial: Trial, raised: list[Event], newest: deque[Event]) -> None:
    """Count alerts, but those from before the time that was asked for."""
    for alert in raised:
        if alert.captured_at_ns < trial.since_ns or trial.count is None:
            continue
        trial.count += 1
        trial.first_ns = alert.captured_at_ns if trial.first_ns is None else trial.first_ns
        trial.last_ns = alert.captured_at_ns
        newest.append(alert)
