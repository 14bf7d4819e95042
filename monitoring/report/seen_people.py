"""Who was seen, in a report: how often, when, and on which cameras. `read_people` blocks; any thread.

What is counted are tracks: somebody who goes out of view and comes back is seen twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup
from sqlalchemy import Connection, func, select

from monitoring.core.known_people import ERASED
from monitoring.report.html import table, tag
from monitoring.report.report_data import ReportSubject, SeenPerson
from monitoring.store.visible import visible
from monitoring.tracks.tables import track_tags, tracks
from workers.database.database import MANY_ROWS

MOST_PEOPLE = 200


def read_people(connection: Connection, subject: ReportSubject) -> Sequence[SeenPerson]:
    """Those who were seen in the period, where the reader may be told who it was; the most frequent first."""
    told = subject.told
    if not told.scope:
        return ()
    last = func.max(func.coalesce(tracks.c.ended_at_ns, track_tags.c.captured_at_ns))
    query = (
        select(track_tags.c.value, track_tags.c.stream_id, func.count(), func.min(track_tags.c.captured_at_ns), last)
        .join(tracks, tracks.c.seq == track_tags.c.track_seq)
        .where(
            track_tags.c.name == "person",
            *subject.conditions(track_tags.c.captured_at_ns, track_tags.c.stream_id),
            *visible(track_tags.c.stream_id, told.scope),
        )
        .group_by(track_tags.c.value, track_tags.c.stream_id)
    )
    found: dict[str, SeenPerson] = {}
    for person, stream_id, count, first_ns, last_ns in connection.execute(query, execution_options=MANY_ROWS):
        name = told.people.name_of(person) or ERASED  # of a merged person: that of whom it was merged with
        one = found.setdefault(name, SeenPerson(name, first_ns, last_ns))
        one.first_ns, one.last_ns = min(one.first_ns, first_ns), max(one.last_ns, last_ns)
        one.tracks[stream_id] = one.tracks.get(stream_id, 0) + count
    return sorted(found.values(), key=lambda one: (-one.times, one.name))[:MOST_PEOPLE]


def people_section(people: Sequence[SeenPerson], zone: ZoneInfo) -> Markup | None:
    """The section of the report; None where nobody was recognised, or nobody may be told who."""
    if not people:
        return None
    rows = [
        (one.name, f"{one.times:,}", _at(one.first_ns, zone), _at(one.last_ns, zone), _cameras(one)) for one in people
    ]
    note = tag("p", "Counted are tracks: whoever leaves and comes back was seen twice.", class_="quiet")
    return tag("section", tag("h2", "People"), note, table(("Person", "Seen", "First", "Last", "Cameras"), rows))


def _cameras(one: SeenPerson) -> str:
    return ", ".join(f"{stream_id} ({count:,})" for stream_id, count in sorted(one.tracks.items()))


def _at(at_ns: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, zone).strftime("%Y-%m-%d %H:%M:%S")
