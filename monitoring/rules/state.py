"""The state of the rules on one stream: open alerts, cool-downs, outages. Pure; stored as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from monitoring.core.handler import formerly
from monitoring.events.deduplication import LateEventFilter
from monitoring.events.event_factory import EventFactory
from workers.bus.event import Severity


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
class RuleState:
    """One rule on one stream. `alerts`: by subject.

    `above_since_us`: since when (pts) the count has been above the limit of `counting`, the session and condition.
    """

    alerts: dict[str, RaisedAlert] = field(default_factory=dict)
    counting: str = ""
    above_since_us: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether any alert is open."""
        return any(alert.open for alert in self.alerts.values())


@dataclass(slots=True)
class StreamRules:
    """One stream. `session` to `captured_at_ns`: of the last result, or of a later event of its node.

    `wanted`: whether the stream is meant to run. `down_since_ns`: as its node says; `down_after`: its last frame
    (session, pts_us). `interrupted`: why Livesight itself stopped watching, until something is heard of the stream.
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
    late_events: Annotated[LateEventFilter, formerly("late_events", "seen")] = field(default_factory=LateEventFilter)
    rules: dict[str, RuleState] = field(default_factory=dict)

    def factory(self, stream_id: str) -> EventFactory:
        """For alert events."""
        return EventFactory(stream_id, self.session, self.node, self.models)

    def is_open(self, rule: str) -> bool:
        """Whether an alert of a rule is open."""
        return rule in self.rules and self.rules[rule].is_open
