"""What a rule would have raised, from stored events: the very same rules, by a clock that follows the events. Pure.

An event is stored with the time of the frame that it is about, and was made later: a track begins after it has been
seen for `began_s`, and has ended after `gone_s`. The clock gives each event when it was made, and looks again whenever
a condition may have held for long enough. Between its first and its last frame a track counts as seen.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import count

from monitoring.core.known_people import NOBODY, KnownPeople
from monitoring.events.settings import EventSettings
from monitoring.events.track_state import Sighting, SmoothedLabel, Track, Visit
from monitoring.events.tracks import GONE
from monitoring.rules.drift_signals import DriftAlarm, Fault
from monitoring.rules.rule import (
    AbsentCondition,
    CountCondition,
    DownCondition,
    EventCondition,
    Rule,
    SeenCondition,
)
from monitoring.rules.rules import Rules
from monitoring.rules.state import GAP_NS
from workers.bus.event import Event, Kind
from workers.label_words import WordSource, usual_words

OF_STREAMS: tuple[Kind, ...] = ("stream_up", "stream_down")
_OF_TRACKS: tuple[Kind, ...] = ("track_began", "label_changed", "identified", "track_ended")
_OF_ZONES: tuple[Kind, ...] = ("zone_entered", "zone_left")


def kinds_of(rule: Rule) -> tuple[str, ...]:
    """The kinds of events that a rule can be replayed from; none where what it looks at is not stored."""
    when = rule.when
    if isinstance(when, EventCondition):
        return when.kinds
    if isinstance(when, DownCondition):
        return OF_STREAMS
    if isinstance(when, AbsentCondition | CountCondition) or (
        isinstance(when, SeenCondition) and when.attribute is None
    ):
        return (*_OF_TRACKS, *OF_STREAMS, *(() if when.zone is None else _OF_ZONES))
    return ()


class StoredTracks:
    """Tracks as stored events tell of them: a TrackSource. Their times (`pts_us`) are wall clocks in µs."""

    def __init__(self) -> None:
        self._streams: dict[str, dict[int, Track]] = {}
        self._sessions: dict[str, str] = {}
        self._last_us: dict[tuple[str, int], int] = {}
        self._missed: set[tuple[str, int]] = set()

    def tracks(self, stream_id: str) -> Iterable[Track]:
        """See TrackSource."""
        return list(self._streams.get(stream_id, {}).values())

    def present(self, stream_id: str) -> Iterable[Track]:
        """See TrackSource."""
        return [track for track in self.tracks(stream_id) if (stream_id, track.id) not in self._missed]

    def session(self, stream_id: str) -> str | None:
        """The session of the newest event of a stream."""
        return self._sessions.get(stream_id)

    def go_on(self, stream_id: str, now_us: int) -> None:
        """The tracks of a stream are seen now, but those whose last frame was before."""
        for track in self.tracks(stream_id):
            track.last.pts_us = min(now_us, self._last_us.get((stream_id, track.id), now_us))

    def take(self, event: Event) -> None:
        """What happened to a track; a new session has none of the tracks before."""
        if self._sessions.get(event.stream_id) != event.session:
            self._sessions[event.stream_id] = event.session
            for number in list(self._streams.get(event.stream_id, {})):
                self.end(event.stream_id, number)
        if event.track_id is None:
            return
        tracks = self._streams.setdefault(event.stream_id, {})
        if event.kind == "track_began":
            first = _sighting(event)
            label = SmoothedLabel(first.label, first.pts_us)
            tracks[event.track_id] = Track(
                event.track_id, event.detector or "", first, _sighting(event), label, first.confidence, begun=True
            )
        track = tracks.get(event.track_id)
        if track is None:  # it began before the first event of the replay
            return
        track.last = _sighting(event)
        if track.person != event.person:
            track.who, track.identity = SmoothedLabel(event.person or "", _us(event)), event.identity
        if event.kind == "label_changed":
            track.smoothed = SmoothedLabel(event.label or "", _us(event))
        elif event.kind in _OF_ZONES and event.zone is not None:
            is_inside = event.kind == "zone_entered"
            track.visits[event.zone] = Visit(is_inside, _sighting(event) if is_inside else None)

    def see_last(self, event: Event) -> None:
        """The event is of a track's last frame."""
        if event.track_id is not None:
            self._last_us[event.stream_id, event.track_id] = _us(event)

    def miss(self, stream_id: str, number: int) -> None:
        """A track no longer counts as present."""
        self._missed.add((stream_id, number))

    def end(self, stream_id: str, number: int) -> None:
        """A track is over."""
        self._streams.get(stream_id, {}).pop(number, None)
        self._last_us.pop((stream_id, number), None)
        self._missed.discard((stream_id, number))


class Replay:
    """Give it the events of `kinds_of` in the order of their time with `take`, then `finish`: both return alerts."""

    def __init__(
        self, rule: Rule, settings: EventSettings, words: WordSource = usual_words, people: KnownPeople = NOBODY
    ) -> None:
        """settings: as they were when the events were made, as far as anybody knows. words: of labels.

        people: who is in which group now.
        """
        # Of events it is stored whom they are about; what was found out later is not looked for.
        waits = {"name_wait_s": 0.0} if isinstance(rule.when, EventCondition) else {}
        self._rule = rule.model_copy(update={"enabled": True, **waits})
        self._down_since_ns: dict[str, int] = {}
        self._settings = settings
        self._tracks = StoredTracks()
        self._rules = Rules(self, self._tracks, _NoSignals(), words=words, people=people)
        self._due: list[tuple[int, bool, int, Callable[[int], None]]] = []
        self._order = count()
        self._began_ns: dict[tuple[str, str, int | None], int] = {}
        self._made: list[Event] = []

    def rules(self) -> Sequence[Rule]:
        """See RuleSource."""
        return (self._rule,)

    def take(self, event: Event) -> list[Event]:
        """The next event: the alerts that were raised until then."""
        self._go_on(event.captured_at_ns)
        key = (event.stream_id, event.session, event.track_id)
        at_ns = max(event.captured_at_ns + self._made_after_ns(event), self._began_ns.get(key, 0))
        if event.kind == "track_began":
            self._began_ns[key] = at_ns
        elif event.kind == "track_ended":
            self._began_ns.pop(key, None)
            self._tracks.see_last(event)
            if event.track_id is not None and self._by_tracks:
                missed_ns = event.captured_at_ns + round(self._settings.missed_s * 1e9)
                self._at(min(missed_ns, at_ns), partial(self._miss, event))
        self._at(at_ns, partial(self._happen, event))
        return self._raised()

    def finish(self, until_ns: int) -> list[Event]:
        """The alerts that were raised from the last event until then."""
        self._go_on(until_ns)
        return self._raised()

    @property
    def _by_tracks(self) -> bool:
        return isinstance(self._rule.when, SeenCondition | AbsentCondition | CountCondition)

    def _made_after_ns(self, event: Event) -> int:
        """How long after its frame an event is made."""
        settings = self._settings
        if event.kind in ("track_ended", "zone_left") and event.reason is not None:
            return round(settings.gone_s * 1e9) if event.reason == GONE else 0
        after_s = {
            "track_began": settings.began_s,
            "label_changed": settings.label_s,
            "identified": settings.person_s,
            "zone_entered": settings.settle_s,
            "zone_left": settings.settle_s,
        }.get(event.kind, 0.0)
        return round(after_s * 1e9)

    def _at(self, at_ns: int, what: Callable[[int], None], last: bool = False) -> None:
        """last: after whatever happens at that moment, as on a frame."""
        heapq.heappush(self._due, (at_ns, last, next(self._order), what))

    def _go_on(self, now_ns: int) -> None:
        while self._due and self._due[0][0] <= now_ns:
            at_ns, _, _, what = heapq.heappop(self._due)
            what(at_ns)

    def _happen(self, event: Event, at_ns: int) -> None:
        when = self._rule.when
        if isinstance(when, EventCondition):
            self._look(event, at_ns)  # what has cooled down by now is forgotten
            self._rules.look(event.stream_id, event.session, at_ns, self._made, new=(event,))
            return
        if isinstance(when, DownCondition):
            self._rules.take_event(event, self._made)
            self._at(event.captured_at_ns + round(when.for_s * 1e9), partial(self._look, event))
            return
        if isinstance(when, AbsentCondition) and event.kind in OF_STREAMS:
            self._note_outage(event)
        self._tracks.take(event)
        if event.kind == "track_ended" and event.track_id is not None:
            self._tracks.end(event.stream_id, event.track_id)
        self._at(at_ns, partial(self._look, event), last=True)
        self._look_when_it_holds(event, {event.captured_at_ns, at_ns})

    def _look_when_it_holds(self, event: Event, since_ns: set[int]) -> None:
        """Look again when a condition that holds since one of these moments has held for long enough."""
        when, waits_s = self._rule.when, self._rule.waits_s
        for_s = when.for_s if isinstance(when, SeenCondition | AbsentCondition | CountCondition) else 0.0
        for after_s in {for_s, for_s + waits_s} - {0.0}:
            for at_ns in since_ns:
                holds_ns = at_ns + math.ceil(after_s * 1e6) * 1000  # conditions count whole microseconds
                self._at(max(max(since_ns), holds_ns), partial(self._look, event), last=True)

    def _note_outage(self, event: Event) -> None:
        """While a stream is down nobody knows who is there."""
        if event.kind == "stream_down":
            self._down_since_ns.setdefault(event.stream_id, event.captured_at_ns)
        elif event.captured_at_ns - self._down_since_ns.pop(event.stream_id, event.captured_at_ns) > GAP_NS:
            self._rules.watch_anew(event.stream_id, event.captured_at_ns)

    def _miss(self, event: Event, at_ns: int) -> None:
        if event.track_id is not None:
            self._tracks.miss(event.stream_id, event.track_id)
            self._look(event, at_ns)
            if isinstance(self._rule.when, AbsentCondition):
                self._look_when_it_holds(event, {at_ns})

    def _look(self, event: Event, at_ns: int) -> None:
        """Evaluate the rule on the event's stream at a moment, and again when what was raised has cooled down."""
        if event.stream_id in self._down_since_ns:
            return
        self._tracks.go_on(event.stream_id, at_ns // 1000)
        before = len(self._made)
        session = self._tracks.session(event.stream_id) or event.session  # another may have begun since the event
        self._rules.look(event.stream_id, session, at_ns, self._made)
        for alert in self._made[before:]:
            if alert.kind == "alert":
                cool_ns = alert.captured_at_ns + math.ceil(self._rule.cooldown_s * 1e9)
                self._at(max(at_ns, cool_ns), partial(self._look, event), last=True)

    def _raised(self) -> list[Event]:
        made, self._made = self._made, []
        return [event for event in made if event.kind == "alert"]


class _NoSignals:
    """DriftSignals of what is not stored."""

    def faults(self, stream_id: str) -> Mapping[str, Fault]:
        """See DriftSignals."""
        return {}

    def drifts(self, stream_id: str) -> Sequence[DriftAlarm]:
        """See DriftSignals."""
        return ()


def _us(event: Event) -> int:
    return event.captured_at_ns // 1000


def _sighting(event: Event) -> Sighting:
    return Sighting(
        pts_us=_us(event),
        captured_at_ns=event.captured_at_ns,
        size_wh=event.size_wh or (1, 1),
        label=event.label or "",
        confidence=event.confidence or 0.0,
        xyxy=event.xyxy or (0.0, 0.0, 0.0, 0.0),
        identity=event.identity,
    )
