"""Alerts as events: raised once, ended once, and not raised again while they cool down. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from monitoring.events.event_factory import EventFactory
from monitoring.rules.evaluate import RuleEvaluation
from monitoring.rules.rule import Rule
from monitoring.rules.state import RaisedAlert, RuleState, StreamRules
from monitoring.rules.wording import seconds
from workers.bus.event import Event


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
    before = alerts.get(key)
    if before is not None and (before.open or _cools_down(before, rule, at_ns)):
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
    if not rule_state.alerts and rule_state.above_since_us is None:
        del state.rules[rule.name]


def _cools_down(before: RaisedAlert, rule: Rule, now_ns: int) -> bool:
    """In both directions, as events may arrive a little late; a clock that was set back further ends it."""
    return abs(now_ns - before.captured_at_ns) < rule.cooldown_s * 1e9


def _id_name(rule: str, subject: str) -> str:
    """What tells the id of an alert from others of the same frame."""
    return f"{rule}\x1f{subject}" if subject else rule
