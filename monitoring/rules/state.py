"""The state of the rules on one stream: open alerts, cool-downs, outages. Pure; stored as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

from monitoring.core.handler import formerly
from monitoring.events.deduplication import LateEventFilter
from monitoring.events.event_factory import EventFactory
from workers.bus.event import Severity

GAP_NS = 60_000_000_000
"""A camera that comes back sooner has been watched all the time."""


@dataclass(slots=True)
class RaisedAlert:
    """An alert, `open` until its condition no longer holds; kept for as long as it cools down."""

    id: UUID
    subject: str
    captured_at_ns: int
    severity: Severity
    text: str
    zone: str | None = None
    open: bool = True


@dataclass(slots=True)
class WaitingAlert:
    """An alert that waits until it is known whom it is about, or until `due_us`. At the frame of `pts_us`.

    `text` begins with `who`, for which a name comes, with what the label is `called` behind it. `about`: of the event.
    """

    subject: str
    text: str
    who: str
    called: str
    about: dict[str, Any]
    session: str
    node: str | None
    models: dict[str, int]
    pts_us: int
    captured_at_ns: int
    due_us: int


@dataclass(slots=True)
class RuleState:
    """One rule on one stream. `alerts`, `waiting`: by key.

    `above_since_us`: since when (pts) the count has been above the limit of `counting`, the session and condition.
    `absent_since_ns`: since when nobody has been there whom `counting` asks for. `seen_on`: on which day each person
    was seen last.
    """

    alerts: dict[str, RaisedAlert] = field(default_factory=dict)
    counting: str = ""
    above_since_us: int | None = None
    absent_since_ns: int | None = None
    waiting: dict[str, WaitingAlert] = field(default_factory=dict)
    seen_on: dict[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        since = self.above_since_us is None and self.absent_since_ns is None
        return since and not (self.alerts or self.waiting or self.seen_on)

    def holds(self, key: str) -> bool:
        """Whether an alert of that key is open."""
        return key in self.alerts and self.alerts[key].open

    @property
    def is_open(self) -> bool:
        """Whether any alert is open."""
        return any(alert.open for alert in self.alerts.values())


@dataclass(slots=True)
class StreamRules:
    """One stream. `session` to `captured_at_ns`: of the last result, or of a later event of its node.

    `wanted`: whether the stream is meant to run. `down_since_ns`: as its node says; `down_after`: its last frame
    (session, pts_us). `interrupted`: why Livesight itself stopped watching, until something is heard of the stream.
    `watched_ns`: of the last result; `watched_since_ns`: of the first after a gap.
    """

    session: str = ""
    node: str | None = None
    models: dict[str, int] = field(default_factory=dict)
    pts_us: int = 0
    captured_at_ns: int = 0
    down_since_ns: int | None = None
    down_reason: str | None = None
    interrupted: str | None = None
    down_after: tuple[str, int] = ("", 0)
    wanted: bool = True
    watched_ns: int = 0
    watched_since_ns: int = 0
    late_events: Annotated[LateEventFilter, formerly("late_events", "seen")] = field(default_factory=LateEventFilter)
    rules: dict[str, RuleState] = field(default_factory=dict)

    def watch(self, now_ns: int) -> None:
        """It is watched now."""
        if not 0 <= now_ns - self.watched_ns <= GAP_NS:
            self.watched_since_ns = now_ns
        self.watched_ns = now_ns

    def factory(self, stream_id: str) -> EventFactory:
        """For alert events."""
        return EventFactory(stream_id, self.session, self.node, self.models)

    def is_open(self, rule: str) -> bool:
        """Whether an alert of a rule is open."""
        return rule in self.rules and self.rules[rule].is_open
