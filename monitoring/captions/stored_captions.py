"""Captions of scenes in the database, and how they are found. Blocks; any thread.

What is stored has people as `{person:ID}`; names are filled in when somebody is answered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, Column, Connection, Index, String, Table, Text, select

from monitoring.core.known_people import mentioned
from monitoring.store.cursor import after_cursor, cursor_of
from monitoring.store.query import Moment, time_ns
from monitoring.store.tables import AGED, Aged, metadata
from monitoring.store.tombstones import erased_among
from monitoring.store.visible import by_name, choose
from stream.config import StreamId
from workers.access.principal import StreamScope
from workers.captions.caption import Caption
from workers.database.dialects import Serial

captions = Table(
    "captions",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("stream_id", String(63), nullable=False),
    Column("session", String(64), nullable=False),
    Column("pts_us", BigInteger, nullable=False),
    Column("captured_at_ns", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # a Caption
    Index(None, "captured_at_ns"),
    Index(None, "stream_id", "captured_at_ns"),
)
"""What cameras showed, a row a minute in which something changed."""

ERASED: Final = "erased"
"""In place of an id of somebody who was erased: nobody's."""

AGED.append(Aged(captions, captions.c.seq, captions.c.captured_at_ns))


@dataclass(frozen=True, slots=True)
class SceneCaption:
    """What a camera showed at a frame, and what had changed since the caption before."""

    stream_id: str
    session: str
    pts_us: int
    captured_at_ns: int
    caption: Caption


class CaptionPageQuery(BaseModel):
    """Which captions, and which page of them."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    since: Moment | None = Field(default=None, description="From this time on; UTC unless it says otherwise.")
    until: Moment | None = Field(default=None, description="Before this time.")
    stream: list[StreamId] = Field(
        default=[], max_length=64, description="The camera. Repeatable: any of them will do."
    )
    cursor: str | None = Field(default=None, max_length=200, description="`next` of the page before.")
    limit: int = Field(default=50, ge=1, le=500, description="How many captions at most.")


def add_captions(connection: Connection, told: Iterable[SceneCaption]) -> None:
    """Store them, in a transaction; without people who were erased meanwhile: their tracks may still be in view."""
    rows: list[dict[str, Any]] = [
        {
            "stream_id": one.stream_id,
            "session": one.session,
            "pts_us": one.pts_us,
            "captured_at_ns": one.captured_at_ns,
            "body": one.caption.model_dump_json(),
        }
        for one in told
    ]
    people = {person for row in rows for person in mentioned(row["body"])}
    if people and (erased := erased_among(connection, people)):
        rows = [{**row, "body": without_people(row["body"], erased)} for row in rows]
    if rows:
        connection.execute(captions.insert(), rows)


def without_people(body: str, ids: Collection[str]) -> str:
    """A stored caption that mentions nobody of these: `{person:ID}` is told as somebody who was erased."""
    for one in ids:
        body = body.replace(one, ERASED)
    return body


def captions_page(
    connection: Connection, query: CaptionPageQuery, scope: StreamScope
) -> tuple[list[SceneCaption], str | None]:
    """Of streams in the scope, the newest first, and the cursor of the next page. Raises BadQuery."""
    time = captions.c.captured_at_ns
    where = list(after_cursor(captions, query.cursor))
    if query.since is not None:
        where.append(time >= time_ns(query.since))
    if query.until is not None:
        where.append(time < time_ns(query.until))
    seen = choose(captions.c.stream_id, query.stream, by_name(connection, captions.c.stream_id, query.stream, scope))
    if seen.names:
        where.append(captions.c.stream_id.in_(seen.names))
    order = (time.desc(), captions.c.seq.desc())
    found = select(captions).where(*where, *seen.conditions).order_by(*order).limit(query.limit + 1)
    rows = connection.execute(found).mappings().all()
    shown = rows[: query.limit]
    return [_told(row) for row in shown], cursor_of(shown[-1]) if len(rows) > query.limit else None


def _told(row: Any) -> SceneCaption:
    names = ("stream_id", "session", "pts_us", "captured_at_ns")
    return SceneCaption(**{name: row[name] for name in names}, caption=Caption.model_validate_json(row["body"]))
