"""What alerts raise, in monitoring's tree. Pure."""

from __future__ import annotations

from monitoring.core.errors import MonitoringError


class AlertUnknown(MonitoringError):
    """There is no alert of that id, or no more."""

    problem = ("alert-unknown", 404, "There is no such alert")


class TargetUnknown(MonitoringError):
    """No target of that name is configured."""

    problem = ("target-unknown", 404, "There is no such target")


class DeliveryUnknown(MonitoringError):
    """That alert was not to be told to that target."""

    problem = ("delivery-unknown", 404, "There is no such delivery")


class NotGivenUp(MonitoringError):
    """Only what was given up can be taken up again."""

    problem = ("conflict", 409, "That does not fit what is there now")


class TargetFailed(MonitoringError):
    """The target could not be told; the text says why."""

    problem = ("target-failed", 502, "The target could not be told")


class Undelivered(MonitoringError):
    """One try failed; the text says why, fit for people, without credentials.

    retry_after_s: the target asked for that much patience. refused: it is this very message that the target does not
    take, while it may take others.
    """

    problem = ("target-failed", 502, "The target could not be told")

    def __init__(self, why: str, *, retry_after_s: float | None = None, refused: bool = False) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s
        self.refused = refused


class NoClip(MonitoringError):
    """There is no clip of an alert; the text says why."""

    problem = ("clip-unavailable", 404, "There is nothing to cut a clip from")


class NoPicture(MonitoringError):
    """No picture belongs to an alert."""

    problem = ("media-unknown", 404, "There is no such picture or clip")
