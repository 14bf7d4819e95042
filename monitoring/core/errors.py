"""What monitoring/ raises. Pure.

Each carries what HTTP answers (`problem`: stable kind, status, title); its text is the detail.
"""

from __future__ import annotations

from typing import ClassVar

from workers.errors import WorkerError


class MonitoringError(WorkerError):
    """Base of all errors of this package."""

    problem: ClassVar[tuple[str, int, str] | None] = ("monitoring-failed", 500, "Monitoring could not do that")


class EventUnknown(MonitoringError):
    """There is no event of that id, or it was deleted."""

    problem = ("event-unknown", 404, "The event does not exist")


class TrackUnknown(MonitoringError):
    """There is no track of that id, or it was deleted."""

    problem = ("track-unknown", 404, "The track does not exist")


class MediaUnknown(MonitoringError):
    """There is no snapshot or clip of that number, or it was deleted."""

    problem = ("media-unknown", 404, "The image or clip does not exist")


class ResultsUnknown(MonitoringError):
    """A clip has no results beside it."""

    problem = ("clip-without-results", 404, "The clip has no results")


class DriftUnknown(MonitoringError):
    """Nothing is known of what a stream shows."""

    problem = ("stream-unknown", 404, "The stream does not exist")


class BadQuery(MonitoringError):
    """A filter or cursor that cannot be understood."""

    problem = ("invalid-request", 422, "The request is invalid")


class ArrangementUnknown(MonitoringError):
    """There is no scene or rule of that name."""

    problem = ("arrangement-unknown", 404, "The scene or rule does not exist")


class ArrangementFixed(MonitoringError):
    """A scene or rule that cannot be changed over HTTP: the configuration says it."""

    problem = ("conflict", 409, "The request conflicts with the current state")


class ArrangementRefused(MonitoringError):
    """A rule that names what there is not."""

    problem = ("invalid-request", 422, "The request is invalid")


class TrialRunning(MonitoringError):
    """Whoever asks has a rule tried already."""

    problem = ("conflict", 409, "The request conflicts with the current state")


class TooManyTrials(MonitoringError):
    """As many rules are being tried as may."""

    problem = ("overloaded", 503, "The service is overloaded")


class TooManyFollowers(MonitoringError):
    """As many clients follow the live events as may."""

    problem = ("overloaded", 503, "The service is overloaded")
