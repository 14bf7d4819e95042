"""Alerts as events: raised once, ended once, and not raised again while they cool down. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from monitoring.events.event_factory import EventFactory
from monitoring.rules.rule import Rule
from monitoring.rules.state import RaisedAlert, RuleState, StreamRules
from monitoring.rules.wording import seconds
from workers.bus.event import Event


@dataclass(frozen=True, slots=True)
class RuleEvaluation:
    """A condition that holds. `subject`: what its alert is about, where a rule has several (each fault, each drifted
    model, each person), else ''. `about`: fields of the alert's event. `at_ns`: when it began to hold, where that is
    not now. `since_ns`: since when somebody has been seen.

    The text of an alert about a track begins with `who`, in place of which a name may come, with what the label is
    `called` behind it.
    """

    text: str
    subject: str = ""
    about: dict[str, Any] = field(default_factory=dict)
    at_ns: int | None = None
    since_ns: int = 0
    who: str = ""
    called: str = ""

    @property
    def may_be_named(self) -> bool:
        """Whether it is about a track that is nobody's who is known so far."""
        return self.about.get("track_id") is not None and self.about.get("person") is None


@dataclass(frozen=True, slots=True)
class EvaluationTime:
    """The frame, or the moment, at which rules are evaluated. Alert events are appended to `events`."""

    factory: EventFactory
    pts_us: int
    captured_at_ns: int
    events: list[Event]


def raise_alert(now: EvaluationTime, state: StreamRules, rule: Rule, evaluation: RuleEvaluation, key: str) -> bool:
    """Raise an alert, unless that of `key` is open or cools down. Returns whether it was raised."""
    at_ns = now.captured_at_ns if evaluation.at_ns is None else evaluation.at_ns
    alerts = state.rules.setdefault(rule.name, RuleState()).alerts
    if not may_raise(state, rule, key, at_ns):
        return False
    event = now.factory.event(
        "alert",
        now.pts_us,
        at_ns,
        _id_name(rule.name, evaluation.subject),
        rule=rule.name,
        severity=rule.severity,
        text=f"{now.factory.stream_id}: {evaluation.text}",
        **evaluation.about,
    )
    alerts[key] = RaisedAlert(event.id, evaluation.subject, at_ns, rule.severity, event.text or "", event.zone)
    now.events.append(event)
    return True


def may_raise(state: StreamRules, rule: Rule, key: str, at_ns: int) -> bool:
    """Whether no alert of `key` is open or cools down."""
    before = state.rules[rule.name].alerts.get(key) if rule.name in state.rules else None
    return before is None or not (before.open or _cools_down(before, rule, at_ns))


def end_alerts(
    now: EvaluationTime, state: StreamRules, name: str, still_open: Collection[str] = (), reason: str | None = None
) -> None:
    """End a rule's open alerts, except those whose keys are in `still_open`."""
    rule_state = state.rules.get(name)
    for key, alert in ({} if rule_state is None else rule_state.alerts).items():
        if not alert.open or key in still_open:
            continue
        alert.open = False
        duration_s = max(0.0, (now.captured_at_ns - alert.captured_at_ns) / 1e9)
        now.events.append(
            now.factory.event(
                "alert_ended",
                now.pts_us,
                now.captured_at_ns,
                _id_name(name, f"{alert.subject}\x1f{alert.id}"),
                rule=name,
                severity=alert.severity,
                zone=alert.zone,
                text=f"{alert.text}: over" + (f" after {seconds(duration_s)}" if duration_s else ""),
                cause=alert.id,
                duration_s=duration_s,
                reason=reason,
            )
        )
        alert.text, alert.zone = "", None  # no longer needed; whom it was about may be deleted meanwhile


def forget_cooled_down(state: StreamRules, rule: Rule, now_ns: int) -> None:
    """Forget ended alerts of a rule that no longer cool down."""
    rule_state = state.rules.get(rule.name)
    if rule_state is None:
        return
    for key, alert in list(rule_state.alerts.items()):
        if not alert.open and not _cools_down(alert, rule, now_ns):
            del rule_state.alerts[key]
    if rule_state.is_empty:
        del state.rules[rule.name]


def _cools_down(before: RaisedAlert, rule: Rule, now_ns: int) -> bool:
    """In both directions, as events may arrive a little late; a clock that was set back further ends it."""
    return abs(now_ns - before.captured_at_ns) < rule.cooldown_s * 1e9


def _id_name(rule: str, subject: str) -> str:
    """What tells the id of an alert from others of the same frame."""
    return f"{rule}\x1f{subject}" if subject else rule
