"""What monitoring/ raises. Pure.

Each carries what HTTP answers (`problem`: stable kind, status, title); its text is the detail.
"""

from __future__ import annotations

from typing import Any, ClassVar

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


class PersonUnknown(MonitoringError):
    """There is no person of that id, or they were erased."""

    problem = ("person-unknown", 404, "The person does not exist")


class LookUnknown(MonitoringError):
    """A person has no such look, or it was deleted."""

    problem = ("look-unknown", 404, "The look does not exist")


class NameTaken(MonitoringError):
    """Somebody else has that name; names differ by more than case."""

    problem = ("name-taken", 409, "Somebody has that name already")


class NothingToUndo(MonitoringError):
    """No change of people is left that could be undone."""

    problem = ("conflict", 409, "The request conflicts with the current state")


class PeopleRefused(MonitoringError):
    """A change of people that makes no sense, such as merging somebody with themselves."""

    problem = ("invalid-request", 422, "The request is invalid")


class LookRefused(MonitoringError):
    """A picture whose face cannot be looked at, or not be enrolled. `reason`: one word; the text says it plainly."""

    problem = ("look-refused", 422, "The picture cannot be used")

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.extra = {"reason": reason}


class LooksAlike(MonitoringError):
    """A picture that looks like somebody else who is enrolled. `alike`: who, with id, name and similarity."""

    problem = ("looks-alike", 409, "The picture looks like somebody else")

    def __init__(self, detail: str, alike: list[dict[str, Any]]) -> None:
        super().__init__(detail)
        self.extra = {"alike": alike}
