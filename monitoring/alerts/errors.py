"""What alerts raise, in monitoring's tree. Pure."""

from __future__ import annotations

from monitoring.core.errors import MonitoringError


class AlertUnknown(MonitoringError):
    """There is no alert with that id, or no longer."""

    problem = ("alert-unknown", 404, "The alert does not exist")


class TargetUnknown(MonitoringError):
    """No target with that name is configured."""

    problem = ("target-unknown", 404, "The target does not exist")


class DeliveryUnknown(MonitoringError):
    """That alert was never meant for that target."""

    problem = ("delivery-unknown", 404, "The delivery does not exist")


class NotGivenUp(MonitoringError):
    """A retry was requested for a delivery that was not given up."""

    problem = ("conflict", 409, "The request conflicts with the current state")


class TargetFailed(MonitoringError):
    """A test message did not arrive; the text says why."""

    problem = ("target-failed", 502, "The target did not accept the message")


class DeliveryFailed(MonitoringError):
    """One try failed; the text says why, in words for people, without credentials.

    retry_after_s: how long the target asked us to wait. refused: the target rejects this very message, and may accept
    others.
    """

    problem = ("target-failed", 502, "The target did not accept the message")

    def __init__(self, why: str, *, retry_after_s: float | None = None, refused: bool = False) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s
        self.refused = refused


class AlertClipUnavailable(MonitoringError):
    """An alert has no clip; the text says why."""

    problem = ("clip-unavailable", 404, "No clip is available")


class AlertImageUnavailable(MonitoringError):
    """An alert has no image."""

    problem = ("media-unknown", 404, "The image or clip does not exist")
