"""Alerts that wait until it is known whom they are about; then they say who, or "unknown". Pure.

An alert is dated to when its condition held, however long it waited. What ends the wait: the track is somebody's, the
track is gone, the session is over, or the rule's time is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from monitoring.core.known_people import mention
from monitoring.events.event_factory import EventFactory
from monitoring.events.track_state import Track
from monitoring.rules.alert_lifecycle import EvaluationTime, RuleEvaluation, may_raise
from monitoring.rules.rule import Rule, SeenCondition
from monitoring.rules.state import RuleState, StreamRules, WaitingAlert
from monitoring.rules.whom import Whom

_MOST_WAITING = 100
"""Alerts of one rule that wait on one stream; what comes besides is told without a name."""


def hold_back(now: EvaluationTime, state: StreamRules, rule: Rule, evaluation: RuleEvaluation) -> bool:
    """Whether an alert waits, from now on or already, for whom it is about."""
    if not rule.waits_s or not evaluation.may_be_named:
        return False
    if not may_raise(state, rule, "", now.captured_at_ns):
        return True
    waiting = state.rules.setdefault(rule.name, RuleState()).waiting
    if evaluation.subject not in waiting:
        if len(waiting) >= _MOST_WAITING:
            return False
        waiting[evaluation.subject] = WaitingAlert(
            subject=evaluation.subject,
            text=evaluation.text,
            who=evaluation.who,
            called=evaluation.called,
            about=evaluation.about,
            session=now.factory.session,
            node=now.factory.node,
            models=now.factory.models,
            pts_us=now.pts_us,
            captured_at_ns=now.captured_at_ns,
            due_us=state.pts_us + round(rule.waits_s * 1e6),
        )
    return True


def resolved(
    now: EvaluationTime, state: StreamRules, rule: Rule, tracks: Iterable[Track], whom: Whom
) -> Iterator[tuple[EvaluationTime, RuleEvaluation]]:
    """The alerts of a rule that have waited long enough, and are to be raised: dated to when, and saying what."""
    known = state.rules.get(rule.name)
    if known is None or not known.waiting:
        return
    by_number = {track.id: track for track in tracks}
    for subject, waiting in list(known.waiting.items()):
        track = by_number.get(waiting.about["track_id"]) if waiting.session == state.session else None
        if track is not None and track.person is None and state.pts_us < waiting.due_us:
            continue
        del known.waiting[subject]
        person = None if track is None else track.person
        if _is_meant(rule, whom, person):
            factory = EventFactory(now.factory.stream_id, waiting.session, waiting.node, waiting.models)
            then = EvaluationTime(factory, waiting.pts_us, waiting.captured_at_ns, now.events)
            yield then, _told(waiting, track)


def _is_meant(rule: Rule, whom: Whom, person: str | None) -> bool:
    """Whether the alert is raised after all: not about a stranger who has turned out to be known."""
    asks = whom.ids is not None or whom.named
    if person is not None and asks and isinstance(rule.when, SeenCondition):
        return False  # if it is one of those who are meant, the rule sees them by now
    return whom.has(person)


def _told(waiting: WaitingAlert, track: Track | None) -> RuleEvaluation:
    rest = waiting.text.removeprefix(waiting.who)
    if track is None or track.person is None:
        return RuleEvaluation(f"{waiting.who} (unknown){rest}", waiting.subject, waiting.about)
    called = f" ({waiting.called})" if waiting.called else ""
    about = waiting.about | {"person": track.person, "identity": track.identity}
    return RuleEvaluation(f"{mention(track.person)}{called}{rest}", waiting.subject, about)
