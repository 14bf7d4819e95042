"""Rules: when what is seen, or what is not, is an alert; and when that is over. Pure.

A handler (monitoring/core/handler.py), the last: it looks at the tracks of `Events` and at what drift detection says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import structlog
from pydantic import TypeAdapter, ValidationError

from monitoring.core.handler import Durability
from monitoring.events.event_factory import EventFactory
from monitoring.events.track_state import Track
from monitoring.rules import evaluate as holding
from monitoring.rules.alert_lifecycle import Now, end_alerts, raise_alert, tidy
from monitoring.rules.drift_signals import DriftSignals
from monitoring.rules.evaluate import RuleEvaluation
from monitoring.rules.rule import (
    CameraFaultCondition,
    CountCondition,
    DownCondition,
    DriftCondition,
    EventCondition,
    Rule,
    SeenCondition,
)
from monitoring.rules.state import RuleState, StreamRules
from workers.bus.event import Event
from workers.bus.result import FrameResult

log = structlog.get_logger(__name__)

_WISHED = frozenset({"removed", "disabled", "push_ended"})
"""Reasons of stream_down that are somebody's wish, and no alert (workers/node/stream_events.py names all)."""
_SHUTDOWN = "shutdown"
_RELEARN_S = 90.0
"""After a restart drift detection may know half a minute less than the rules (its state is kept "sometimes"), and needs
up to a minute to find again what it had found: alerts of it are not over before."""

_STATE = TypeAdapter(StreamRules)


class RuleSource(Protocol):
    """Where rules come from; asked for each result, so it must not block."""

    def rules(self) -> Sequence[Rule]:
        """Those that are enabled, by name."""
        ...


class Presence(Protocol):
    """Who is there."""

    def tracks(self, stream_id: str) -> Iterable[Track]:
        """Tracks that have begun and not ended."""
        ...

    def present(self, stream_id: str) -> Iterable[Track]:
        """Those of them who count as being there now."""
        ...


class Rules:
    """Alerts and their ends. An alert is open while its condition holds; cool-down counts from when it was raised.

    What happens in a moment (Happened) is an alert that ends at once. Cool-down goes by the pictures' wall clock.
    """

    name = "rules"
    durability: Durability = "each"

    def __init__(self, rules: RuleSource, presence: Presence, conditions: DriftSignals) -> None:
        self._rules = rules
        self._presence = presence
        self._conditions = conditions
        self._streams: dict[str, StreamRules] = {}
        self._quiet_ns: dict[str, int] = {}
        self._restored_ns: dict[str, int | None] = {}

    def restore(self, stream_id: str, state: Any | None) -> None:
        """See Handler. A state that cannot be read (of another version) is logged and dropped."""
        self.forget(stream_id)
        try:
            self._streams[stream_id] = StreamRules() if state is None else _STATE.validate_python(state)
        except ValidationError as error:
            log.warning("state_unreadable", handler=self.name, stream=stream_id, error=str(error))
            self._streams[stream_id] = StreamRules()
        known = self._streams[stream_id]
        if any(_is_open(known, name) for name in known.rules):
            self._restored_ns[stream_id] = None
        elif known.down_reason == _SHUTDOWN:
            known.wanted, known.down_since_ns = False, None  # perhaps all was shut down together, and that is over

    def forget(self, stream_id: str | None) -> None:
        """See Handler."""
        for known in (self._streams, self._quiet_ns, self._restored_ns):
            if stream_id is None:
                known.clear()
            else:
                known.pop(stream_id, None)

    def dump(self, stream_id: str) -> Any:
        """See Handler."""
        return _STATE.dump_python(self._streams[stream_id], mode="json")

    def take(self, result: FrameResult, events: list[Event]) -> None:
        """See Handler."""
        state = self._streams.setdefault(result.stream_id, StreamRules())
        if result.session != state.down_after[0] or result.pts_us > state.down_after[1]:
            self._is_back(result.stream_id, result.captured_at_ns, events)
        state.seen.saw(result)
        state.session, state.node, state.models = result.session, result.node, dict(result.models)
        state.pts_us, state.captured_at_ns = result.pts_us, result.captured_at_ns
        self._look(result.stream_id, result.captured_at_ns, tuple(events), events)

    def hear(self, event: Event, events: list[Event]) -> None:
        """See Handler: streams that go down and come up."""
        state = self._streams.setdefault(event.stream_id, StreamRules())
        heard = (event, *(other for other in events if other.id != event.id))
        if state.seen.is_late(event):
            self._look(event.stream_id, state.captured_at_ns, heard, events)  # it did happen, only it is over
            return
        if event.kind == "stream_up":
            self._is_back(event.stream_id, event.captured_at_ns, events)
        elif event.kind == "stream_down":
            self._is_gone(state, event)
        if event.session != state.session:
            state.session, state.node, state.pts_us = event.session, event.node, event.pts_us
        state.pts_us, state.captured_at_ns = max(state.pts_us, event.pts_us), event.captured_at_ns
        self._look(event.stream_id, event.captured_at_ns, heard, events)

    def tick(self, now_ns: int, events: list[Event]) -> None:
        """See Handler: silence, outages, and what drift detection says by the clock."""
        made = tuple(events)
        for stream_id in list(self._streams):
            self._quiet_ns.setdefault(stream_id, now_ns)
            self._look(stream_id, now_ns, [event for event in made if event.stream_id == stream_id], events)

    def _look(self, stream_id: str, now_ns: int, made: Sequence[Event], events: list[Event]) -> None:
        """All rules of a stream, after what was `made` by others."""
        state = self._streams[stream_id]
        now = Now(state.origin(stream_id), state.pts_us, now_ns, events)
        applying = {rule.name: rule for rule in self._rules.rules() if not rule.streams or stream_id in rule.streams}
        for name in [name for name in state.rules if name not in applying]:
            end_alerts(now, state, name, reason="rule_removed")
            del state.rules[name]
        for rule in applying.values():
            if isinstance(rule.when, EventCondition):
                _tell_moments(rule, rule.when, state, made, events)
            else:
                holds = {one.subject: one for one in self._holding(now, rule, state)}
                end_alerts(now, state, rule.name, {*holds, *self._unsure(now, rule, state)})
                for key, one in holds.items():
                    raise_alert(now, state, rule, one, key)
            tidy(state, rule, now_ns)

    def _holding(self, now: Now, rule: Rule, state: StreamRules) -> Iterator[RuleEvaluation]:
        when, stream_id = rule.when, now.origin.stream_id
        if isinstance(when, SeenCondition):
            one = holding.seen(when, self._presence.tracks(stream_id))
            if one is not None:
                yield one
        elif isinstance(when, CountCondition):
            yield from _too_many(rule.name, when, state, holding.count(when, self._presence.present(stream_id)))
        elif isinstance(when, DownCondition):
            yield from self._is_down(now, rule.name, when, state)
        elif isinstance(when, CameraFaultCondition):
            yield from holding.faults(when, self._conditions, stream_id)
        elif isinstance(when, DriftCondition):
            yield from holding.drifts(when, self._conditions, stream_id)

    def _unsure(self, now: Now, rule: Rule, state: StreamRules) -> Iterable[str]:
        """The keys of alerts that may hold, as what would say so does not know yet."""
        since_ns = self._restored_ns.get(now.origin.stream_id, 0)
        if since_ns is None:
            since_ns = self._restored_ns[now.origin.stream_id] = now.captured_at_ns
        is_settled = abs(now.captured_at_ns - since_ns) >= _RELEARN_S * 1e9
        if (
            is_settled
            or not isinstance(rule.when, CameraFaultCondition | DriftCondition)
            or rule.name not in state.rules
        ):
            return ()
        return state.rules[rule.name].alerts

    def _is_down(self, now: Now, name: str, when: DownCondition, state: StreamRules) -> Iterator[RuleEvaluation]:
        if not state.wanted:
            return
        quiet_ns = self._quiet_ns.get(now.origin.stream_id)
        if state.down_since_ns is not None and now.captured_at_ns - state.down_since_ns >= when.for_s * 1e9:
            yield _outage(when, state.down_since_ns, state.down_reason)
        elif _is_open(state, name) or (
            quiet_ns is not None and now.captured_at_ns - quiet_ns >= when.for_s * 1e9
        ):  # until something comes, over restarts too
            yield RuleEvaluation(
                f"The stream has sent nothing for {holding.seconds(when.for_s)}", about={"reason": "silent"}
            )

    def _is_gone(self, state: StreamRules, event: Event) -> None:
        state.wanted, state.down_after = event.reason not in _WISHED, (event.session, event.pts_us)
        if not state.wanted:
            state.down_since_ns = state.down_reason = None
        elif state.down_since_ns is None:
            state.down_since_ns, state.down_reason = event.captured_at_ns, event.reason

    def _is_back(self, stream_id: str, now_ns: int, events: list[Event]) -> None:
        """The stream is there. An outage that was long enough is told even when nobody looked while it lasted."""
        state = self._streams[stream_id]
        self._quiet_ns.pop(stream_id, None)
        since_ns, reason = state.down_since_ns, state.down_reason
        state.down_since_ns, state.down_reason, state.wanted = None, None, True
        now = Now(state.origin(stream_id), state.pts_us, now_ns, events)
        for rule in self._rules.rules():
            when = rule.when
            if isinstance(when, DownCondition) and (not rule.streams or stream_id in rule.streams):
                if since_ns is not None and now_ns - since_ns >= when.for_s * 1e9:
                    raise_alert(now, state, rule, _outage(when, since_ns, reason), "")
                end_alerts(now, state, rule.name)


def _tell_moments(
    rule: Rule, when: EventCondition, state: StreamRules, made: Sequence[Event], events: list[Event]
) -> None:
    for event, one in holding.happened(when, made):
        origin = EventFactory(event.stream_id, event.session, event.node, event.models)
        now = Now(origin, event.pts_us, event.captured_at_ns, events)
        if raise_alert(now, state, rule, one, ""):
            end_alerts(now, state, rule.name, reason="momentary")


def _too_many(name: str, when: CountCondition, state: StreamRules, number: int) -> Iterator[RuleEvaluation]:
    if number <= when.above:
        if name in state.rules:
            state.rules[name].above_since_us = None
        return
    rule_state = state.rules.setdefault(name, RuleState())
    counting = f"{state.session} {when.model_dump_json()}"
    if rule_state.above_since_us is None or rule_state.counting != counting:
        rule_state.counting, rule_state.above_since_us = counting, state.pts_us
    if state.pts_us - rule_state.above_since_us >= when.for_s * 1e6:
        yield holding.counted(when, number)


def _is_open(state: StreamRules, name: str) -> bool:
    return name in state.rules and any(alert.open for alert in state.rules[name].alerts.values())


def _outage(when: DownCondition, since_ns: int, reason: str | None) -> RuleEvaluation:
    why = f": {reason}" if reason else ""
    text = f"The stream has been down for {holding.seconds(when.for_s)}{why}"
    return RuleEvaluation(text, about={"reason": reason}, at_ns=since_ns + round(when.for_s * 1e9))
