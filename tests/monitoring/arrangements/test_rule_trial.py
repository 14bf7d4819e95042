"""Trials of rules are bounded: one a principal, few in all, so long and no longer."""

from __future__ import annotations

import time

import pytest

from monitoring.arrangements.rule_trial import RuleTrials
from monitoring.core.errors import TooManyTrials, TrialRunning
from monitoring.events.settings import EventSettings
from monitoring.rules.rule import DownCondition, EventCondition, Rule
from monitoring.store.writes import add_events
from tests.monitoring.happened import happened
from workers.access.principal import ALL_STREAMS
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


def test_what_time_does_not_suffice_for_is_told(database: Database) -> None:
    """More events than a page; the newest alerts are kept and all are counted."""
    begin_ns = time.time_ns() - 3600 * 10**9
    come = [happened(at, "stream_up", captured_at_ns=begin_ns + at * 10**9) for at in range(1, 1501)]
    with database.write() as connection:
        add_events(connection, come)
    whole = RuleTrials(database, EventSettings()).run(RULE, ALL_STREAMS, 7, 20)
    assert (whole.count, whole.complete, len(whole.alerts)) == (1500, True, 20)
    assert whole.alerts[0].captured_at_ns == whole.last_ns == come[-1].captured_at_ns
    assert whole.first_ns == whole.since_ns == come[0].captured_at_ns
    early_ns = begin_ns - 4 * 3600 * 10**9
    early = [happened(5000 + at, "stream_up", captured_at_ns=early_ns + at * 10**9) for at in range(100)]
    with database.write() as connection:
        add_events(connection, early)
    assert RuleTrials(database, EventSettings()).run(RULE, ALL_STREAMS, 7, 20).count == 1600
    newest = RuleTrials(database, EventSettings(), most=1550).run(RULE, ALL_STREAMS, 7, 20)
    assert (newest.count, newest.complete, newest.last_ns) == (1500, False, come[-1].captured_at_ns)
    assert early[-1].captured_at_ns < newest.since_ns <= come[0].captured_at_ns
    part = RuleTrials(database, EventSettings(), longest_s=0.0).run(RULE, ALL_STREAMS, 7, 20)
    assert part.count is not None and part.count < 1500 and not part.complete
    assert part.until_ns < come[-1].captured_at_ns and any("too many" in gap for gap in part.gaps)
    none = RuleTrials(database, EventSettings()).run(Rule(name="down", when=DownCondition()), ALL_STREAMS, 7, 20)
    assert none.count == 0
