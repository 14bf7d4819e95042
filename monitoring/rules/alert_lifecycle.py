"""Alerts as events: raised once, ended once, not again too soon. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from monitoring.events.event_factory import EventFactory
from monitoring.rules.evaluate import RuleEvaluation, seconds
from monitoring.rules.rule import Rule
from monitoring.rules.state import Raised, RuleState, StreamRules
from workers.bus.event import Event


@dataclass(frozen=True, slots=True)
class Now:
    """The picture, or the moment, at which rules are looked at; what comes of it goes to `events`."""

    origin: EventFactory
    pts_us: int
    captured_at_ns: int
    events: list[Event]


def raise_alert(now: Now, state: StreamRules, rule: Rule, one: RuleEvaluation, key: str) -> bool:
    """Raise an alert, unless that of `key` is open or the last was just now; whether it was."""
    at_ns = now.captured_at_ns if one.at_ns is None else one.at_ns
    alerts = state.rules.setdefault(rule.name, RuleState()).alerts
    before = alerts.get(key)
    if before is not None and (before.open or _cools(before, rule, at_ns)):
        return False
    event = now.origin.event(
        "alert",
        now.pts_us,
        at_ns,
        _id_name(rule.name, one.subject),
        rule=rule.name,
        severity=rule.severity,
        text=f"{now.origin.stream_id}: {one.text}",
        **one.about,
    )
    alerts[key] = Raised(event.id, one.subject, at_ns, rule.severity, event.text or "", event.zone)
    now.events.append(event)
    return True


def end_alerts(
    now: Now, state: StreamRules, name: str, holding: Collection[str] = (), reason: str | None = None
) -> None:
    """End a rule's open alerts but those whose keys are `holding`."""
    rule_state = state.rules.get(name)
    for key, alert in ({} if rule_state is None else rule_state.alerts).items():
        if not alert.open or key in holding:
            continue
        alert.open = False
        lasted_s = max(0.0, (now.captured_at_ns - alert.captured_at_ns) / 1e9)
        now.events.append(
            now.origin.event(
                "alert_ended",
                now.pts_us,
                now.captured_at_ns,
                _id_name(name, f"{alert.subject}\x1f{alert.id}"),
                rule=name,
                severity=alert.severity,
                zone=alert.zone,
                text=f"{alert.text}: over" + (f" after {seconds(lasted_s)}" if lasted_s else ""),
                cause=alert.id,
                duration_s=lasted_s,
                reason=reason,
            )
        )


def tidy(state: StreamRules, rule: Rule, now_ns: int) -> None:
    """Forget alerts that are over and no longer too recent for others."""
    rule_state = state.rules.get(rule.name)
    if rule_state is None:
        return
    for key, alert in list(rule_state.alerts.items()):
        if not alert.open and not _cools(alert, rule, now_ns):
            del rule_state.alerts[key]
    if not rule_state.alerts and rule_state.above_since_us is None:
        del state.rules[rule.name]


def _cools(before: Raised, rule: Rule, now_ns: int) -> bool:
    """Before as after it, for what happened is told a little late; a clock set back by more ends it."""
    return abs(now_ns - before.captured_at_ns) < rule.cooldown_s * 1e9


def _id_name(rule: str, subject: str) -> str:
    """What makes an alert's id different from others of that picture."""
    return f"{rule}\x1f{subject}" if subject else rule
