"""What the rules handler knows of a stream: alerts that are open, or too fresh for others. Pure; kept as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from monitoring.events.event_factory import EventFactory
from monitoring.events.late_events import LateEventFilter
from workers.bus.event import Severity


@dataclass(slots=True)
class Raised:
    """An alert. `open` until its condition no longer holds."""

    id: UUID
    subject: str
    captured_at_ns: int
    severity: Severity
    text: str
    zone: str | None = None
    open: bool = True


@dataclass(slots=True)
class RuleState:
    """One rule on one stream. `above_since_us`: since when (pts) a count has been above what `counting` asks for."""

    alerts: dict[str, Raised] = field(default_factory=dict)
    counting: str = ""
    above_since_us: int | None = None


@dataclass(slots=True)
class StreamRules:
    """One stream. `wanted`: whether anybody wishes it to run.

    `session` to `captured_at_ns`: of the last result, or of a node's word since. `down_since_ns`: as its node says;
    `down_after`: the picture (session, pts_us) that was its last.
    """

    session: str = ""
    node: str | None = None
    models: dict[str, int] = field(default_factory=dict)
    pts_us: int = 0
    captured_at_ns: int = 0
    down_since_ns: int | None = None
    down_reason: str | None = None
    down_after: tuple[str, int] = ("", 0)
    wanted: bool = True
    seen: LateEventFilter = field(default_factory=LateEventFilter)
    rules: dict[str, RuleState] = field(default_factory=dict)

    def origin(self, stream_id: str) -> EventFactory:
        """Where alerts come from."""
        return EventFactory(stream_id, self.session, self.node, self.models)
