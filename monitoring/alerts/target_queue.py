"""One target's queue: its state, and what readiness says about it. Written on the event loop, read by any thread."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from monitoring.alerts.deliveries import DeliveryBacklog
from monitoring.alerts.retry_policy import RetryPolicy
from monitoring.alerts.targets.settings import TargetSettings
from monitoring.alerts.targets.target import AlertTarget


@dataclass(slots=True)
class TargetQueue:
    """The messages themselves are in the database (`Deliveries`).

    wake: set when there may be a new message. error: why the last try failed, since `failing_since_ns`; None when it
    succeeded. delivered_ns: the last success since the start.
    """

    settings: TargetSettings
    target: AlertTarget
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    backlog: DeliveryBacklog = field(default_factory=DeliveryBacklog)
    error: str | None = None
    failing_since_ns: int | None = None
    delivered_ns: int | None = None
    is_sending: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The target's."""
        return self.settings.name

    @property
    def retry_policy(self) -> RetryPolicy:
        """The target's."""
        return RetryPolicy(self.settings.retry_min_s, self.settings.retry_max_s, self.settings.give_up_s)

    def problems(self) -> list[str]:
        """Reasons for readiness to say "degraded"; empty when all is delivered."""
        found = []
        if self.error is not None:
            found.append(f"target {self.name}: {_waiting(self.backlog)}{self.error}")
        if self.backlog.given_up:
            given_up = _alerts(self.backlog.given_up)
            found.append(f"target {self.name}: {given_up} given up; see /v1/alerts/targets")
        return found


def queue_problems(queues: Iterable[TargetQueue]) -> list[str]:
    """The problems of all queues."""
    return [problem for queue in queues for problem in queue.problems()]


def _waiting(backlog: DeliveryBacklog) -> str:
    if not backlog.waiting or backlog.oldest_ns is None:
        return ""
    since = datetime.fromtimestamp(backlog.oldest_ns / 1e9, UTC)
    return f"{_alerts(backlog.waiting)} waiting since {since:%Y-%m-%d %H:%M:%S} UTC: "


def _alerts(count: int) -> str:
    return f"{count} alert{'' if count == 1 else 's'}"
