"""Whom a rule is about: people, groups, strangers, the first of a day. Pure.

A track is somebody's once it was recognised for a while (monitoring/events/track_state.py); until then, and where it
never is, it is nobody's who is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from monitoring.core.known_people import KnownPeople
from monitoring.rules.alert_lifecycle import RuleEvaluation
from monitoring.rules.rule import AbsentCondition, EventCondition, Rule, SeenCondition
from monitoring.rules.state import RuleState, StreamRules


@dataclass(frozen=True, slots=True)
class Whom:
    """ids: of those who are meant, merged ones too; None: everybody. strangers: whether one will do as well.

    named: only who is known, whoever it is.
    """

    ids: frozenset[str] | None = None
    strangers: bool = False
    named: bool = False

    @classmethod
    def of(cls, when: SeenCondition | AbsentCondition | EventCondition, people: KnownPeople) -> Whom:
        """Whom a condition is about, as groups are now."""
        strangers = isinstance(when, SeenCondition) and when.strangers
        named = isinstance(when, SeenCondition) and when.first_today
        if not when.people and not when.groups:
            return cls(frozenset() if strangers else None, strangers, named)
        ids = {one for person in when.people for one in people.ids(person)}
        for group in when.groups:
            ids |= people.group(group)
        return cls(frozenset(ids), strangers, False)

    def has(self, person: str | None) -> bool:
        """Whether somebody is meant; None: a stranger, or somebody who is not recognised yet."""
        if person is None:
            return self.strangers or (self.ids is None and not self.named)
        return self.ids is None or person in self.ids


def first_today(
    rule: Rule,
    holding: dict[str, RuleEvaluation],
    state: StreamRules,
    others: Iterable[StreamRules],
    people: KnownPeople,
) -> dict[str, RuleEvaluation]:
    """Of those who are seen now (by id) the ones whom the rule sees for the first time today, or whose alert is open.

    others: what is known of all streams of the rule. Notes that they were seen; whoever is erased never was.
    """
    assert isinstance(rule.when, SeenCondition)
    today = day_of(state.captured_at_ns, rule.when.tz)
    before = {
        person
        for other in others
        if rule.name in other.rules
        for person, day in other.rules[rule.name].seen_on.items()
        if day == today
    }
    known = state.rules.setdefault(rule.name, RuleState())
    seen_on = known.seen_on | dict.fromkeys(holding, today)
    known.seen_on = {person: day for person, day in seen_on.items() if day == today and people.ids(person)}
    return {
        person: evaluation
        for person, evaluation in holding.items()
        if known.holds(person)
        or (person in known.seen_on and person not in before and day_of(evaluation.since_ns, rule.when.tz) == today)
    }


def forget_erased(known: RuleState, people: KnownPeople) -> None:
    """Forget the alerts of those who are known no longer, once they have ended. known: of a rule by person."""
    for person, alert in list(known.alerts.items()):
        if person and not alert.open and not people.ids(person):
            del known.alerts[person]


def day_of(at_ns: int, tz: str) -> str:
    """The local date of a wall clock, as 2026-11-30."""
    return datetime.fromtimestamp(at_ns // 1_000_000_000, _zone(tz)).date().isoformat()


@lru_cache(maxsize=64)
def _zone(tz: str) -> ZoneInfo:
    return ZoneInfo(tz)
