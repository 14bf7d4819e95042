"""Tries a rule on the events that are stored, before it is saved. Any thread; blocks.

Events are read a page at a time, each in a short transaction of its own: nothing waits for a trial.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy import ColumnElement, Connection, func, select

from monitoring.arrangements.trial_events import TrialEvents
from monitoring.core.errors import TooManyTrials, TrialRunning
from monitoring.core.known_people import NOBODY, KnownPeople
from monitoring.events.settings import EventSettings
from monitoring.rules.replay import Replay, kinds_of
from monitoring.rules.rule import (
    CameraFaultCondition,
    DownCondition,
    DriftCondition,
    EventCondition,
    Rule,
    SeenCondition,
)
from monitoring.store.tables import events
from monitoring.store.visible import StreamChoice, by_name, choose
from workers.access.principal import StreamScope
from workers.bus.event import Event
from workers.database.database import Database
from workers.label_words import WordSource, usual_words

DAY_NS = 86_400 * 10**9
_BEFORE_NS = 600 * 10**9
"""Events from that long before are replayed as well: tracks that were there, and alerts that cooled down."""
_PLANNED = 0.8
"""Of the time that is left, what the second pass is to take: the machine may get busier."""
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


@dataclass(frozen=True, slots=True)
class _Search:
    """A rule and what it is tried on. most: alerts that are returned."""

    rule: Rule
    events: TrialEvents
    most: int


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """longest_s: the time of one trial. first: events of the first pass, which tells how many more there is time for,
    and is the answer where the second fails. most: events that are looked at; where tracks are looked for, events that
    lead to one, each of which may bring some more (their numbers are kept, 130 bytes each). now_s: a clock that never
    goes back.
    """

    longest_s: float = 12.0
    first: int = 2000
    now_s: Callable[[], float] = time.monotonic
    most: int = 100_000


class RuleTrials:
    """Runs trials: one at a time for each principal, and few altogether."""

    def __init__(
        self,
        database: Database,
        settings: EventSettings,
        words: WordSource = usual_words,
        limits: TrialLimits = TrialLimits(),
        people: KnownPeople = NOBODY,
    ) -> None:
        """words: of labels, for the texts of alerts. people: who is in which group."""
        self._people = people
        self._database = database
        self._settings = settings
        self._words = words
        self._limits = limits
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
        deadline_s = self._limits.now_s() + self._limits.longest_s
        until_ns = time.time_ns()
        trial = Trial(until_ns - days * DAY_NS, until_ns)
        kinds = kinds_of(rule)
        if not kinds:
            trial.count = None
            trial.gaps.append(_NOT_STORED[type(rule.when)])
            return trial
        with self._database.read() as connection:
            scope = by_name(connection, events.c.stream_id, rule.streams, scope)
            chosen = choose(events.c.stream_id, rule.streams, scope)
            oldest_ns = _oldest(connection, chosen)
        named = (events.c.stream_id.in_(chosen.names),) if chosen.names else ()
        search = _Search(rule, TrialEvents(self._database, rule, (*chosen.conditions, *named), self._people), most)
        if oldest_ns is None or oldest_ns > trial.since_ns:
            trial.since_ns = trial.until_ns if oldest_ns is None else oldest_ns
            trial.gaps.append("No events are stored from before: the rule was tried on less time than was asked for.")
        return self._tried(trial, search, deadline_s)

    def _tried(self, asked: Trial, search: _Search, deadline_s: float) -> Trial:
        """The newest events first, then as many as there is time for: what is left out is the oldest."""
        began_s = self._limits.now_s()
        found = self._replay(asked, search, self._limits.first, deadline_s)
        if found is None:
            asked.count, asked.complete, asked.since_ns = None, False, asked.until_ns
            asked.gaps.append("The service is too busy to try a rule: try it again later.")
            return asked
        if not found.complete:
            now_s = self._limits.now_s()
            pace = self._limits.first / max(now_s - began_s, 1e-3)
            many = min(int(pace * (deadline_s - now_s) * _PLANNED), self._limits.most)
            if many > self._limits.first:
                found = self._replay(asked, search, many, deadline_s) or found
        trial = found
        if not trial.complete:
            trial.gaps.append("There are too many events to look at all of them: only the newest were tried.")
        looked = trial.since_ns - _BEFORE_NS, trial.until_ns
        if search.events.place is not None and not search.events.knows_place(looked):
            trial.gaps.append("Nothing that was looked at tells of that zone or line: it may be new.")
        if isinstance(search.rule.when, DownCondition):
            trial.gaps.append("A camera that fell silent without being reported as down is not stored.")
        if isinstance(search.rule.when, EventCondition) and search.rule.waits_s:
            trial.gaps.append("Whether somebody was recognised after an event is not looked at: no alert has waited.")
        return trial

    def _replay(self, asked: Trial, search: _Search, many: int, deadline_s: float) -> Trial | None:
        """Try the rule on so many events at most, the newest of what is asked for. None where the time ran out."""
        trial = replace(asked, gaps=[*asked.gaps])
        known_ns = begin_ns = trial.since_ns - _BEFORE_NS
        begins = search.events.begins((begin_ns, trial.until_ns), many)
        if begins is not None:
            begin_ns, middle_ns = begins
            trial.complete, trial.since_ns = False, max(trial.since_ns, min(begin_ns + _BEFORE_NS, middle_ns))
        replay, newest = (
            Replay(search.rule, self._settings, self._words, self._people),
            deque[Event](maxlen=search.most),
        )
        for row in search.events.rows((begin_ns, trial.until_ns), known_ns):
            if row is not None:
                _add(trial, replay.take(Event.model_validate_json(row["body"])), newest)
            if self._limits.now_s() > deadline_s:
                return None
        _add(trial, replay.finish(trial.until_ns), newest)
        trial.alerts = [*reversed(newest)]
        return trial


def _oldest(connection: Connection, chosen: StreamChoice) -> int | None:
    """When the oldest stored event of these streams was, by indexes. Events that are kept for less long begin later."""
    at_ns = func.min(events.c.captured_at_ns)
    which: list[tuple[ColumnElement[bool], ...]] = [(events.c.stream_id == name,) for name in chosen.names]
    found = [connection.scalar(select(at_ns).where(*one)) for one in which or [chosen.conditions]]
    return min((int(one) for one in found if one is not None), default=None)


def _add(trial: Trial, raised: list[Event], newest: deque[Event]) -> None:
    """Count alerts, but those from before the time that was asked for."""
    for alert in raised:
        if alert.captured_at_ns < trial.since_ns or trial.count is None:
            continue
        trial.count += 1
        trial.first_ns = alert.captured_at_ns if trial.first_ns is None else trial.first_ns
        trial.last_ns = alert.captured_at_ns
        newest.append(alert)
