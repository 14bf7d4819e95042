"""What retention leaves out of answers: what is not stored on some cameras, or for a shorter time. Any thread."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from monitoring.ask.plan import AskPlan
from monitoring.store.retention_policy import RetentionPolicy, default_policy
from monitoring.store.settings import TRACKS

_STORED_AS: dict[str, str] = {
    "entries": "zone_entered",
    "leavings": "zone_left",
    "crossings": "line_crossed",
    "alerts": "alert",
    "outages": "stream_down",
    "tracks": TRACKS,
}
"""What retention calls the subjects of plans."""


class Kept:
    """What the settings of retention say of a plan's subject."""

    def __init__(self, policy: RetentionPolicy | None = None) -> None:
        self._policy = policy or default_policy()

    def since(self, plan: AskPlan, cameras: Sequence[str], now: datetime) -> datetime | None:
        """From when on all of it is stored as far as the settings say; None where they leave some of it out."""
        if not cameras or not self._policy.has_rules:
            return None
        kept = [self._policy.kept_ns(kind, camera) for kind in _kinds(plan) for camera in cameras]
        return None if not all(kept) else now - timedelta(microseconds=min(kept) // 1000)

    def left_out(self, plan: AskPlan, cameras: Sequence[str]) -> list[str]:
        """In a sentence what is not stored, so that nobody takes a small number for a quiet day."""
        if not any(self._policy.leaves_out(kind, cameras) for kind in _kinds(plan)):
            return []
        where = "these cameras" if cameras else "some cameras"
        return [f"Retention does not store all {plan.subject} of {where} (monitoring.retention.rules)."]


def _kinds(plan: AskPlan) -> list[str]:
    if plan.subject != "events":
        return [_STORED_AS[plan.subject]]
    return list(plan.kind) or ["track_began"]
