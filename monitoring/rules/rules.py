"""Rules: raises an alert when a rule's condition holds on a stream, and ends it when it no longer does. Pure.

The last handler (monitoring/core/handler.py): it looks at the tracks of TrackEvents and at drift detection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import structlog
from pydantic import TypeAdapter, ValidationError

from monitoring.core.handler import Durability
from monitoring.core.known_people import NOBODY, KnownPeople
from monitoring.events.event_factory import EventFactory
from monitoring.events.track_state import Track
from monitoring.rules.alert_lifecycle import EvaluationTime, RuleEvaluation, end_alerts, forget_cooled_down, raise_alert
from monitoring.rules.drift_signals import DriftSignals
from monitoring.rules.evaluate import (
    absent,
    count_matching,
    evaluate_absent,
    evaluate_count,
    evaluate_drift,
    evaluate_events,
    evaluate_faults,
    evaluate_seen,
)
from monitoring.rules.name_wait import hold_back, resolved
from monitoring.rules.outages import evaluate_outage, note_down, note_removed, note_up, silence, upgrade
from monitoring.rules.rule import (
    AbsentCondition,
    CameraFaultCondition,
    CountCondition,
    DownCondition,
    DriftCondition,
    EventCondition,
    Rule,
    SeenCondition,
)
from monitoring.rules.state import RuleState, StreamRules
from monitoring.rules.whom import Whom, first_today, forget_erased
from monitoring.rules.wording import Wording
from workers.bus.event import Event
from workers.bus.result import FrameResult
from workers.bus.stream_down import INTERRUPTED
from workers.label_words import WordSource, usual_words

log = structlog.get_logger(__name__)

_RELEARN_S = 90.0
"""After a restart drift detection may know half a minute less than the rules (its state is stored "sometimes"), and
needs up to a minute to find again what it had found: its alerts do not end before."""

_RESTARTED = "monitoring began anew"

_STATE = TypeAdapter(StreamRules)


class RuleSource(Protocol):
    """Where rules come from. Called for each result, so it must not block."""

    def rules(self) -> Sequence[Rule]:
        """The enabled rules, by name."""
        ...


class TrackSource(Protocol):
    """Where the tracks of a stream come from."""

    def tracks(self, stream_id: str) -> Iterable[Track]:
        """Tracks that have begun and not ended."""
        ...

    def present(self, stream_id: str) -> Iterable[Track]:
        """Those of them that count as present now."""
        ...


class Rules:
    """Alerts and their ends. An alert is open while its condition holds; the cool-down counts from when it was raised.

    An alert about an event ends at once. Cool-downs go by the frames' wall clock.
    """

    name = "rules"
    durability: Durability = "each"

    def __init__(
        self,
        rules: RuleSource,
        tracks: TrackSource,
        signals: DriftSignals,
        ended: Callable[[str], bool] | None = None,
        words: WordSource = usual_words,
        people: KnownPeople = NOBODY,
    ) -> None:
        """ended: whether a stream was removed, also one whose node is gone and cannot say it. words: of labels.

        people: who is in which group.
        """
        self._people = people
        self._ended = ended
        self._words = words
        self._rules = rules
        self._tracks = tracks
        self._signals = signals
        self._streams: dict[str, StreamRules] = {}
        self._silent_since_ns: dict[str, int] = {}
        self._restored_ns: dict[str, int | None] = {}
        self._unheard: set[str] = set()  # streams of before a restart, of which nothing has come since

    def restore(self, stream_id: str, state: Any | None) -> None:
        """See Handler. A state of another version that cannot be read is logged and dropped."""
        self.forget(stream_id)
        try:
            self._streams[stream_id] = StreamRules() if state is None else _STATE.validate_python(state)
        except ValidationError as error:
            log.warning("state_unreadable", handler=self.name, stream=stream_id, error=str(error))
            self._streams[stream_id] = StreamRules()
        known = self._streams[stream_id]
        upgrade(known)
        if state is not None:
            self._unheard.add(stream_id)
        if any(rule_state.is_open for rule_state in known.rules.values()):
            self._restored_ns[stream_id] = None

    def forget(self, stream_id: str | None) -> None:
        """See Handler."""
        gone = list(self._streams) if stream_id is None else [stream_id]
        for one in gone:
            for known in (self._streams, self._silent_since_ns, self._restored_ns):
                known.pop(one, None)
            self._unheard.discard(one)

    def dump(self, stream_id: str) -> Any:
        """See Handler."""
        return _STATE.dump_python(self._streams[stream_id], mode="json")

    def take_result(self, result: FrameResult, events: list[Event]) -> None:
        """See Handler."""
        state = self._streams.setdefault(result.stream_id, StreamRules())
        if result.session != state.down_after[0] or result.pts_us > state.down_after[1]:
            self._stream_up(result.stream_id, result.captured_at_ns, events)
        state.late_events.add(result)
        state.session, state.node, state.models = result.session, result.node, dict(result.models)
        state.pts_us, state.captured_at_ns = result.pts_us, result.captured_at_ns
        state.watch(result.captured_at_ns)
        self._evaluate(result.stream_id, result.captured_at_ns, tuple(events), events)

    def take_event(self, event: Event, events: list[Event]) -> None:
        """See Handler: streams that go down and come up."""
        state = self._streams.setdefault(event.stream_id, StreamRules())
        new = (event, *(other for other in events if other.id != event.id))
        if state.late_events.is_late(event):
            self._evaluate(event.stream_id, state.captured_at_ns, new, events)  # it did happen, but it is over
            return
        if event.kind == "stream_up":
            self._stream_up(event.stream_id, event.captured_at_ns, events)
        elif event.kind == "stream_down":
            note_down(state, event)
            if state.interrupted is None:
                self._unheard.discard(event.stream_id)
        if event.session != state.session:
            state.session, state.node, state.pts_us = event.session, event.node, event.pts_us
        state.pts_us, state.captured_at_ns = max(state.pts_us, event.pts_us), event.captured_at_ns
        self._evaluate(event.stream_id, event.captured_at_ns, new, events)

    def tick(self, now_ns: int, events: list[Event]) -> None:
        """See Handler: silence, outages, and what drift detection finds by the clock."""
        new = tuple(events)
        for stream_id, state in list(self._streams.items()):
            self._silent_since_ns.setdefault(stream_id, now_ns)
            if self._ended is not None and self._ended(stream_id):
                note_removed(state)
            self._evaluate(stream_id, now_ns, [event for event in new if event.stream_id == stream_id], events)

    def look(
        self, stream_id: str, session: str, now_ns: int, events: list[Event], *, new: Sequence[Event] = ()
    ) -> None:
        """Evaluate the rules of a stream at a moment without a result: a replay of stored events (replay.py) does.

        `pts_us` is the wall clock in µs then, for the stream as for its tracks. new: events made at that moment.
        """
        state = self._streams.setdefault(stream_id, StreamRules())
        state.session, state.pts_us, state.captured_at_ns = session, now_ns // 1000, now_ns
        state.watched_since_ns, state.watched_ns = state.watched_since_ns or now_ns, now_ns
        self._evaluate(stream_id, now_ns, new, events)

    def watch_anew(self, stream_id: str, now_ns: int) -> None:
        """A stream was not watched until now: for a replay, which has no results."""
        self._streams.setdefault(stream_id, StreamRules()).watched_since_ns = now_ns

    def _evaluate(self, stream_id: str, now_ns: int, new: Sequence[Event], events: list[Event]) -> None:
        """Evaluate all rules of a stream; `new`: the events of the handlers before."""
        state = self._streams[stream_id]
        now = EvaluationTime(state.factory(stream_id), state.pts_us, now_ns, events)
        rules = {rule.name: rule for rule in self._rules.rules() if _applies(rule, stream_id)}
        for name in [name for name in state.rules if name not in rules]:
            end_alerts(now, state, name, reason="rule_removed")
            del state.rules[name]
        for rule in rules.values():
            self._raise_waiting(now, rule, state)
            if isinstance(rule.when, EventCondition):
                self._raise_for_events(rule, rule.when, state, (new, events))
            else:
                holding = {evaluation.subject: evaluation for evaluation in self._evaluations(now, rule, state)}
                if isinstance(rule.when, SeenCondition) and rule.when.first_today:
                    holding = first_today(rule, holding, state, self._streams.values(), self._people)
                end_alerts(now, state, rule.name, {*holding, *self._undecided(now, rule, state)})
                for key, evaluation in holding.items():
                    if not hold_back(now, state, rule, evaluation):
                        raise_alert(now, state, rule, evaluation, key)
            if isinstance(rule.when, SeenCondition) and rule.when.by_person and rule.name in state.rules:
                forget_erased(state.rules[rule.name], self._people)
            forget_cooled_down(state, rule, now_ns)

    def _evaluations(self, now: EvaluationTime, rule: Rule, state: StreamRules) -> Iterator[RuleEvaluation]:
        when, stream_id = rule.when, now.factory.stream_id
        wording = Wording(self._words, state.models)
        if isinstance(when, SeenCondition):
            whom = Whom.of(when, self._people)
            yield from evaluate_seen(when, self._tracks.tracks(stream_id), wording, whom)
        elif isinstance(when, AbsentCondition):
            known, whom = state.rules.setdefault(rule.name, RuleState()), Whom.of(when, self._people)
            if evaluate_absent(when, self._tracks.present(stream_id), state, known, whom):
                yield absent(when, wording)
        elif isinstance(when, CountCondition):
            counts = count_matching(when, self._tracks.present(stream_id))
            if _has_been_above(rule.name, when, state, counts.total()):
                yield evaluate_count(when, counts, wording)
        elif isinstance(when, DownCondition):
            yield from self._down(now, rule.name, when, state)
        elif isinstance(when, CameraFaultCondition):
            yield from evaluate_faults(when, self._signals, stream_id)
        elif isinstance(when, DriftCondition):
            yield from evaluate_drift(when, self._signals, stream_id)

    def _raise_for_events(
        self, rule: Rule, when: EventCondition, state: StreamRules, found: tuple[Sequence[Event], list[Event]]
    ) -> None:
        """found: the events of the handlers before, and those that become known now."""
        new, events = found
        whom = Whom.of(when, self._people)
        for event, evaluation in evaluate_events(when, new, self._words, whom, bool(rule.waits_s)):
            factory = EventFactory(event.stream_id, event.session, event.node, event.models)
            now = EvaluationTime(factory, event.pts_us, event.captured_at_ns, events)
            if not hold_back(now, state, rule, evaluation) and raise_alert(now, state, rule, evaluation, ""):
                end_alerts(now, state, rule.name, reason="momentary")

    def _raise_waiting(self, now: EvaluationTime, rule: Rule, state: StreamRules) -> None:
        """Raise the alerts of which it is known by now whom they are about, or of which that will not be known."""
        when, stream_id = rule.when, now.factory.stream_id
        waiting = rule.name in state.rules and state.rules[rule.name].waiting
        if not waiting or not isinstance(when, SeenCondition | EventCondition):
            return
        whom = Whom.of(when, self._people)
        for then, evaluation in resolved(now, state, rule, self._tracks.tracks(stream_id), whom):
            if raise_alert(then, state, rule, evaluation, "") and isinstance(when, EventCondition):
                end_alerts(then, state, rule.name, reason="momentary")

    def _undecided(self, now: EvaluationTime, rule: Rule, state: StreamRules) -> Iterable[str]:
        """The keys of alerts that may still hold, while drift detection relearns after a restart."""
        since_ns = self._restored_ns.get(now.factory.stream_id, 0)
        if since_ns is None:
            since_ns = self._restored_ns[now.factory.stream_id] = now.captured_at_ns
        has_relearned = abs(now.captured_at_ns - since_ns) >= _RELEARN_S * 1e9
        by_drift = isinstance(rule.when, CameraFaultCondition | DriftCondition)
        if has_relearned or not by_drift or rule.name not in state.rules:
            return ()
        return state.rules[rule.name].alerts

    def _down(
        self, now: EvaluationTime, name: str, when: DownCondition, state: StreamRules
    ) -> Iterator[RuleEvaluation]:
        if not state.wanted:
            return
        if (outage := evaluate_outage(when, state, now.captured_at_ns)) is not None:
            yield outage
            return
        if state.is_open(name):  # it stays open until something comes, over restarts too
            yield RuleEvaluation("The stream is still down")
            return
        stream_id = now.factory.stream_id
        unheard, since_ns = stream_id in self._unheard, self._silent_since_ns.get(stream_id)
        if since_ns is None or (unheard and state.interrupted is not None):
            return  # perhaps everything was stopped together, and its node, which says how it is, is not back yet
        why = INTERRUPTED[state.interrupted] if state.interrupted is not None else _RESTARTED if unheard else None
        if (silent := silence(when, why, (now.captured_at_ns - since_ns) / 1e9)) is not None:
            yield silent

    def _stream_up(self, stream_id: str, now_ns: int, events: list[Event]) -> None:
        """The stream is up. An outage that lasted long enough is reported even if no monitor ran meanwhile."""
        state = self._streams[stream_id]
        self._silent_since_ns.pop(stream_id, None)
        self._unheard.discard(stream_id)
        now = EvaluationTime(state.factory(stream_id), state.pts_us, now_ns, events)
        for rule in self._rules.rules():
            if isinstance(rule.when, DownCondition) and _applies(rule, stream_id):
                outage = evaluate_outage(rule.when, state, now_ns)
                if outage is not None:
                    raise_alert(now, state, rule, outage, "")
                end_alerts(now, state, rule.name)
        note_up(state)


def _applies(rule: Rule, stream_id: str) -> bool:
    return not rule.streams or stream_id in rule.streams


def _has_been_above(name: str, when: CountCondition, state: StreamRules, number: int) -> bool:
    """Whether the count has been above the limit for long enough, now that it is `number`."""
    if number <= when.above:
        if name in state.rules:
            state.rules[name].above_since_us = None
        return False
    rule_state = state.rules.setdefault(name, RuleState())
    counting = f"{state.session} {when.model_dump_json()}"
    if rule_state.above_since_us is None or rule_state.counting != counting:
        rule_state.counting, rule_state.above_since_us = counting, state.pts_us
    return state.pts_us - rule_state.above_since_us >= when.for_s * 1e6
