"""People as HTTP takes and shows them. Pure, but for `person_views` and `person_detail`, which read the database."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, RowMapping, func, select

from monitoring.people.edits import PersonChanges
from monitoring.people.looks import LookQuality, Source, looks_of, summaries
from monitoring.people.roster import ThresholdOf
from monitoring.people.rows import Person, families, family
from monitoring.people.tables import LONGEST_NAME, counter_examples
from monitoring.store.query import Moment
from monitoring.store.visible import visible
from monitoring.tracks.tables import track_tags
from monitoring.tracks.views import TrackPage
from workers.access.principal import StreamScope
from workers.identity.thresholds import explain
from workers.model_card import Calibration

_TEXT = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
PersonId = Annotated[str, Field(pattern="^[0-9A-HJKMNP-TV-Z]{26}$")]
PersonName = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=_TEXT)]
GroupName = Annotated[str, Field(min_length=1, max_length=63, pattern=_TEXT)]
Groups = Annotated[tuple[GroupName, ...], Field(max_length=20, description="Groups that they are in, such as staff.")]
Note = Annotated[str, Field(max_length=2000, description="Whatever is to be known of them.")]


class _Body(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")


class NewPerson(_Body):
    """Somebody to be added; their looks come next."""

    name: PersonName
    groups: Groups = ()
    note: Note = ""

    def changes(self) -> PersonChanges:
        """As the store takes it."""
        return PersonChanges(self.name, self.groups, self.note)


class PersonPatch(_Body):
    """What is to be changed; what is left out, or null, stays."""

    name: PersonName | None = None
    groups: Groups | None = None
    note: Note | None = None
    strict: bool | None = Field(default=None, description="Whether the name needs more likeness than usual.")

    def changes(self) -> PersonChanges:
        """As the store takes it."""
        return PersonChanges(self.name, self.groups, self.note, self.strict)


class MergeBody(_Body):
    """Who is the same person."""

    other: PersonId = Field(description="Whose name goes, and whose looks and sightings become the person's.")


class SplitBody(_Body):
    """Which looks are of somebody else, and what they are called."""

    looks: tuple[Annotated[int, Field(ge=1, le=2**62)], ...] = Field(
        min_length=1, max_length=1000, description="Numbers of looks; one at least stays."
    )
    name: PersonName


class NotThisBody(_Body):
    """A track that is not that person: by one of its events, or by itself."""

    person: PersonId
    event_id: uuid.UUID | None = Field(default=None, description="An event about the track.")
    track: uuid.UUID | None = Field(default=None, description="The track's id.")


class SightingsQuery(BaseModel):
    """One page of sightings, the newest first."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    since: Moment | None = Field(default=None, description="In view at this time or later.")
    until: Moment | None = Field(default=None, description="Begun before this time.")
    cursor: str | None = Field(default=None, max_length=200, description="`next` of the page before.")
    limit: int = Field(default=50, ge=1, le=500, description="How many tracks at most.")


class PeopleQuery(BaseModel):
    """One page of people, by name."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    q: str | None = Field(default=None, max_length=LONGEST_NAME, description="Part of the name, whatever its case.")
    group: str | None = Field(default=None, max_length=63, description="A group that they are in.")
    cursor: str | None = Field(default=None, max_length=26, description="`next` of the page before.")
    limit: int = Field(default=50, ge=1, le=500, description="How many people at most.")


class LastSeen(BaseModel):
    """When and where somebody came into view last."""

    captured_at_ns: int
    stream_id: str


class LookView(BaseModel):
    """A face that was enrolled."""

    n: int = Field(description="Its number.")
    source: Source
    image_url: str | None = Field(description="The face, cut out; null where no picture is kept.")
    quality: LookQuality
    event_id: uuid.UUID | None = Field(description="The event whose picture it is, where it was chosen there.")
    created_at_ns: int
    by: str = Field(description="Who enrolled it, by id.")


class _Shown(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)

    id: str
    name: str
    groups: list[str]
    note: str
    strict: bool
    image_url: str | None = Field(description="A face of theirs; null where no picture is kept.")
    threshold: float | None = Field(description="How alike a look must be to get the name; null without looks.")
    explained: str | None = Field(description="The threshold in words.")
    last_seen: LastSeen | None = Field(description="On the cameras that you may see.")
    created_at_ns: int


class PersonView(_Shown):
    """Somebody who is enrolled."""

    looks: int = Field(description="How many faces of theirs are enrolled.")


class PersonDetail(_Shown):
    """Somebody, with their looks."""

    looks: list[LookView]
    counter_examples: int = Field(description="How many tracks were said not to be them.")


class PeopleList(BaseModel):
    """A page of people. `groups`: of everybody. `undo`: what undoing would take back, in words."""

    people: list[PersonView]
    next: str | None
    groups: list[str]
    undo: str | None


class Undone(BaseModel):
    """What was undone, in words."""

    undone: str


SightingsPage = TrackPage


def person_views(
    connection: Connection, found: Sequence[Person], scope: StreamScope, threshold_of: ThresholdOf
) -> list[dict[str, Any]]:
    """PersonViews, JSON-ready."""
    known = families(connection, [person.id for person in found])
    summed = summaries(connection, known)
    return [
        {
            **_shown(connection, person, known[person.id], scope),
            **_threshold(threshold_of(person.id)),
            "image_url": _image_url(person.id, summed[person.id].pictured),
            "looks": summed[person.id].count,
        }
        for person in found
    ]


def person_detail(
    connection: Connection, person: Person, scope: StreamScope, threshold_of: ThresholdOf
) -> dict[str, Any]:
    """A PersonDetail, JSON-ready."""
    ids = family(connection, person.id)
    enrolled = [look_view(person.id, row) for row in looks_of(connection, person.id)]
    against = select(func.count()).select_from(counter_examples).where(counter_examples.c.person.in_(ids))
    return {
        **_shown(connection, person, ids, scope),
        **_threshold(threshold_of(person.id)),
        "image_url": next((one["image_url"] for one in enrolled if one["image_url"]), None),
        "looks": enrolled,
        "counter_examples": connection.scalar(against) or 0,
    }


def look_view(person_id: str, row: RowMapping) -> dict[str, Any]:
    """A LookView, JSON-ready."""
    return {
        "n": row["seq"],
        "source": row["source"],
        "image_url": _image_url(person_id, row["seq"] if row["path"] else None),
        "quality": json.loads(row["quality"]),
        "event_id": None if row["event_id"] is None else str(row["event_id"]),
        "created_at_ns": row["created_at_ns"],
        "by": row["created_by"],
    }


def first_image(connection: Connection, person_id: str) -> str | None:
    """Where a face of somebody is; None where no picture is kept. Raises PersonUnknown."""
    ids = family(connection, person_id)
    return _image_url(ids[0], summaries(connection, {ids[0]: ids})[ids[0]].pictured)


def _threshold(found: tuple[float, int, Calibration] | None) -> dict[str, Any]:
    if found is None:
        return {"threshold": None, "explained": None}
    return {"threshold": round(found[0], 3), "explained": explain(*found)}


def _shown(connection: Connection, person: Person, ids: Sequence[str], scope: StreamScope) -> dict[str, Any]:
    return {
        "id": person.id,
        "name": person.name,
        "groups": list(person.groups),
        "note": person.note,
        "strict": person.strict,
        "last_seen": _last_seen(connection, ids, scope),
        "created_at_ns": person.created_at_ns,
    }


def _last_seen(connection: Connection, ids: Sequence[str], scope: StreamScope) -> dict[str, Any] | None:
    """One look into an index for each id."""
    newest: RowMapping | None = None
    for one in ids:
        query = (
            select(track_tags.c.captured_at_ns, track_tags.c.stream_id)
            .where(track_tags.c.name == "person", track_tags.c.value == one, *visible(track_tags.c.stream_id, scope))
            .order_by(track_tags.c.captured_at_ns.desc())
            .limit(1)
        )
        row = connection.execute(query).mappings().first()
        if row is not None and (newest is None or row["captured_at_ns"] > newest["captured_at_ns"]):
            newest = row
    return None if newest is None else dict(newest)


def _image_url(person_id: str, number: int | None) -> str | None:
    return None if number is None else f"/v1/people/{person_id}/looks/{number}/face.jpg"
