"""Trials of rules are bounded: one a principal, few in all, so long and no longer."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import chain, repeat

import pytest

from monitoring.arrangements.rule_trial import RuleTrials, TrialLimits
from monitoring.core.errors import TooManyTrials, TrialRunning
from monitoring.events.settings import EventSettings
from monitoring.rules.rule import DownCondition, EventCondition, Rule
from monitoring.store.writes import add_events
from tests.monitoring.happened import happened
from workers.access.principal import ALL_STREAMS
from workers.bus.event import Event
from workers.database.database import Database

RULE = Rule(name="came", when=EventCondition(kinds=("stream_up",)), cooldown_s=0)


def test_one_a_principal_and_few_in_all(database: Database) -> None:
    trials = RuleTrials(database, EventSettings())
    with trials.turn("user:ada"), trials.turn("user:bo"):
        with pytest.raises(TrialRunning), trials.turn("user:ada"):
            pass
        with pytest.raises(TooManyTrials), trials.turn("user:cy"):
            pass
    with trials.turn("user:ada"):
        pass


def store_starts(database: Database, begin_ns: int, numbers: range) -> list[Event]:
    """A stream_up each five seconds."""
    come = [happened(at, "stream_up", captured_at_ns=begin_ns + at * 5 * 10**9) for at in numbers]
    with database.write() as connection:
        add_events(connection, come)
    return come


class EventClock:
    """A clock by which events take `seconds` each, so many after so many events. An event is a look at the clock."""

    def __init__(self, *pace: tuple[int, float]) -> None:
        self._steps = chain.from_iterable(repeat(seconds, count) for count, seconds in pace)
        self._now_s = 0.0

    def __call__(self) -> float:
        self._now_s += next(self._steps)
        return self._now_s


def test_the_newest_alerts_are_kept_and_all_are_counted(database: Database) -> None:
    """More events than a page."""
    come = store_starts(database, time.time_ns() - 4 * 3600 * 10**9, range(1, 1501))
    whole = RuleTrials(database, EventSettings()).run(RULE, ALL_STREAMS, 7, 20)
    assert (whole.count, whole.complete, len(whole.alerts)) == (1500, True, 20)
    assert whole.alerts[0].captured_at_ns == whole.last_ns == come[-1].captured_at_ns
    assert whole.first_ns == whole.since_ns == come[0].captured_at_ns
    again = RuleTrials(database, EventSettings(), limits=TrialLimits(first=100)).run(RULE, ALL_STREAMS, 7, 20)
    assert again == replace(whole, until_ns=again.until_ns), "however many are tried first"
    none = RuleTrials(database, EventSettings()).run(Rule(name="down", when=DownCondition()), ALL_STREAMS, 7, 20)
    assert none.count == 0


@pytest.mark.parametrize(
    ("pace", "counted"),
    [
        ((10_000, 0.01), range(500, 530)),  # 640 are planned of the 800 there is time for; 120 of them are from before
        ((210, 0.01), range(100, 102)),  # then slow: the first pass stands, with half of its events from before
    ],
    ids=["steady", "slower"],
)
def test_what_time_does_not_suffice_for_is_the_oldest(
    database: Database, pace: tuple[int, float], counted: range
) -> None:
    come = store_starts(database, time.time_ns() - 4 * 3600 * 10**9, range(1, 1501))
    clock = EventClock(pace, (10_000, 0.1))
    trial = RuleTrials(database, EventSettings(), limits=TrialLimits(10.0, 200, clock)).run(RULE, ALL_STREAMS, 7, 20)
    assert trial.count in counted and not trial.complete
    assert trial.last_ns == come[-1].captured_at_ns == trial.alerts[0].captured_at_ns
    assert trial.first_ns == come[-trial.count].captured_at_ns >= trial.since_ns > come[-trial.count - 1].captured_at_ns
    assert trial.until_ns > come[-1].captured_at_ns and any("only the newest" in gap for gap in trial.gaps)


def test_without_any_time_nothing_is_claimed(database: Database) -> None:
    store_starts(database, time.time_ns() - 3600 * 10**9, range(1, 10))
    trial = RuleTrials(database, EventSettings(), limits=TrialLimits(longest_s=0.0)).run(RULE, ALL_STREAMS, 7, 20)
    assert (trial.count, trial.complete, trial.alerts) == (None, False, [])
    assert trial.since_ns == trial.until_ns and any("again later" in gap for gap in trial.gaps)
