"""The plan of a question: what is looked for, shown beside the answer, and taken back when somebody edits it. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from monitoring.store.query import Moment
from stream.config import StreamId
from workers.bus.event import Kind, Severity

Intent = Literal[
    "count",
    "who",
    "when",
    "first",
    "last",
    "where",
    "how_long",
    "how_often",
    "compare",
    "list",
    "exists",
    "busiest",
]
Subject = Literal["tracks", "entries", "leavings", "crossings", "alerts", "outages", "events"]
By = Literal["camera", "zone", "label", "person", "rule", "hour", "day"]
Measure = Literal["total", "average", "longest"]

MOST_SPANS = 120
"""So many pieces of time at most, where only some hours or weekdays count."""


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("needs an offset, such as 2026-11-24T09:00:00+01:00")
    return moment


AwareMoment = Annotated[Moment, AfterValidator(_aware)]
Words = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=32)]


class PlanRange(BaseModel):
    """From `since` on and before `until`; null: without an end. `words`: as the question said it."""

    model_config = ConfigDict(extra="forbid")

    since: AwareMoment | None = None
    until: AwareMoment | None = None
    hours: tuple[time, time] | None = Field(
        default=None, description="Only from the one to the other, on each day; past midnight where it is earlier."
    )
    weekdays: list[Annotated[int, Field(ge=0, le=6)]] = Field(
        default=[], max_length=7, description="Only these days, 0 being Monday."
    )
    words: str = Field(default="", max_length=200)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and self.since > self.until:
            raise ValueError("since: must not be after until")
        return self

    def spans(self, zone: ZoneInfo, first: datetime, now: datetime) -> list[tuple[datetime, datetime]]:
        """The pieces of time, in order, none after `now`. first: where the past begins if nothing says so."""
        since, until = self.since or first, min(self.until or now, now)
        if since >= until:
            return []
        if self.hours is None and not self.weekdays:
            return [(since, until)]
        found = []
        day = since.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0) - timedelta(days=1)
        while day < until:
            if not self.weekdays or day.weekday() in self.weekdays:
                begin, end = self._of_day(day)
                begin, end = max(begin, since), min(end, until)
                if begin < end:
                    found.append((begin, end))
            day += timedelta(days=1)
        return found

    def _of_day(self, day: datetime) -> tuple[datetime, datetime]:
        if self.hours is None:
            return day, day + timedelta(days=1)
        begin, end = (day.replace(hour=at.hour, minute=at.minute) for at in self.hours)
        return begin, end if end > begin else end + timedelta(days=1)


class AskPlan(BaseModel):
    """What a question was taken to mean. Of several values of one field any will do; fields narrow each other.

    subject: tracks, by their rows; entries and leavings of zones, crossings of lines, alerts and events, by their
    events; outages of cameras. `person` holds ids.
    """

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    intent: Intent
    subject: Subject = "tracks"
    camera: list[StreamId] = Field(default=[], max_length=64)
    zone: Words = []
    line: Words = []
    direction: Literal["in", "out"] | None = None
    label: Words = []
    means: str = Field(default="", max_length=60, description="What the labels were called together, such as people.")
    person: Words = []
    group: Words = []
    every: bool = Field(default=False, description="Of whether several people were there: whether all of them were.")
    named: bool | None = Field(default=None, description="false: only those whom nobody named.")
    rule: Words = []
    severity: list[Severity] = Field(default=[], max_length=3)
    kind: list[Kind] = Field(default=[], max_length=16, description="Of events.")
    min_duration_s: float | None = Field(default=None, ge=0, le=1e7)
    max_duration_s: float | None = Field(default=None, ge=0, le=1e7)
    min_confidence: float | None = Field(default=None, ge=0, le=1)
    counted: Literal["seen", "came", "left", "now"] = Field(
        default="seen", description="Tracks in view in the range; that began in it; that ended in it; in view now."
    )
    range: PlanRange = PlanRange()
    against: PlanRange | None = Field(default=None, description="The other range of a comparison.")
    by: By | None = Field(default=None, description="Each by itself; of a busiest, what it is chosen among.")
    least: bool = Field(default=False, description="The quietest in place of the busiest.")
    measure: Measure = "total"
    whose: bool = Field(default=False, description="Of a first or last: who it was.")

    @model_validator(mode="after")
    def _can_be_run(self) -> Self:
        if self.intent == "compare" and self.against is None and self.by not in ("camera", "zone", "label", "person"):
            raise ValueError("against: a comparison needs another range, or `by` camera, zone, label or person")
        if self.intent == "busiest" and self.by is None:
            raise ValueError("by: a busiest is chosen among hours, days, cameras, zones, labels or persons")
        if self.subject == "outages" and self.by not in (None, "camera"):
            raise ValueError("by: outages are told apart by camera only")
        return self
