"""Takes erased and contested people off what arrives: in the transaction that stores it. The monitor's thread; blocks.

Nodes learn a moment later than the monitor that somebody was erased or contested, and after an outage they deliver what
they kept. An event that says that somebody was recognised is not stored where it would be about nobody.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, select

from monitoring.people.stripping import stripped
from monitoring.people.tables import counter_examples, people
from monitoring.store.media import Track, about_tracks
from monitoring.store.tombstones import erased_among
from monitoring.tracks.rows import key_of
from workers.bus.event import Event


def admitted(connection: Connection, events: Sequence[Event]) -> list[Event]:
    """What is to be stored of these events, in order."""
    mentioned = {one for event in events for one in _people_in(event)}
    if not mentioned:
        return list(events)
    erased = erased_among(connection, mentioned)
    contested = _contested(connection, [event for event in events if _people_in(event)])
    found = [_without(event, erased, contested) for event in events]
    return [event for event in found if event is not None]


def _people_in(event: Event) -> set[str]:
    """Whom an event mentions, in whichever field: ids are 26 characters that occur in nothing else."""
    texts = (event.person, event.before, event.text)
    return {one for text in texts if text is not None for one in _ULID.findall(text)}


_ULID = re.compile(r"(?<![0-9A-Za-z])[0-9A-HJKMNP-TV-Z]{26}(?![0-9A-Za-z])")


def _without(event: Event, erased: set[str], contested: dict[Track, list[tuple[int, str]]]) -> Event | None:
    gone = erased.intersection(_people_in(event))
    against = contested.get(key_of(event), ())
    about = _people_in(event) if against else ()
    gone |= {person for from_us, person in against if event.pts_us >= from_us and person in about}
    if not gone:
        return event
    return None if str(event.kind) == "identified" else stripped(event, gone)


def _contested(connection: Connection, named: Sequence[Event]) -> dict[Track, list[tuple[int, str]]]:
    """Of the tracks of these events: from which frame on they are not whom, under all ids of that person."""
    found: dict[Track, list[tuple[int, str]]] = defaultdict(list)
    for condition in about_tracks(counter_examples, {key_of(event) for event in named}):
        for row in connection.execute(select(counter_examples).where(condition)).mappings().all():
            key: Track = (row["stream_id"], row["session"], row["track_id"])
            own = select(people.c.merged_into).where(people.c.id == row["person"]).scalar_subquery()
            same = (people.c.id == row["person"]) | (people.c.id == own) | (people.c.merged_into == row["person"])
            ids = connection.scalars(select(people.c.id).where(same | (people.c.merged_into == own)))
            found[key] += [(row["from_us"], one) for one in ids]
    return found
