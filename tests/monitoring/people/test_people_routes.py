"""People over HTTP: who may, what is shown, contested and erased; on a monitor that works, SQLite and PostgreSQL."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from monitoring.people.store import PeopleStore
from monitoring.store.tables import events as stored_events
from monitoring.store.tables import outbox
from monitoring.store.tombstones import KEPT_NS, erased_people, forget_old
from tests.monitoring.deletion.door import Door, found_in, open_door
from tests.monitoring.people.test_naming import look
from tests.monitoring.shop import until
from workers.bus.event import Event

LATER = "01JD00000000000000000000BB"


@pytest.fixture
def door(database_url: str, tmp_path: Path) -> Iterator[Door]:
    with open_door(database_url, tmp_path) as opened:
        yield opened


def add(door: Door, name: str, **given: Any) -> str:
    answer = door.ask("admin", "POST", "/v1/people", json={"name": name, **given})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def seen(door: Door, people: dict[int, str], session: str, ended: bool = True) -> None:
    """They stand before the camera for three seconds, and leave."""
    door.show((0, 3), people, session)
    if ended:
        door.show((3, 7), {}, session)
    until(partial(_complete, door, set(people), session, ended))


def _complete(door: Door, numbers: set[int], session: str, ended: bool) -> bool:
    tracks = [one for one in _all_tracks(door) if one["session"] == session]
    is_over = not ended or all(one["ended_at_ns"] for one in tracks)
    return {one["track_id"] for one in tracks} == numbers and is_over and bool(door.alerts())


def _all_tracks(door: Door) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = door.get("admin", "/v1/tracks?limit=500").json()["tracks"]
    return found


def test_who_may_see_one_camera_sees_no_names(door: Door) -> None:
    anna = add(door, "Anna", groups=["staff"])
    for who in ("viewer", "texts", "reviewer", "operator"):  # these on one camera only
        assert door.get(who, "/v1/people").status_code == 403, who
        assert door.get(who, f"/v1/people/{anna}").status_code == 403, who
        assert door.ask(who, "POST", "/v1/people", json={"name": "Ben"}).status_code == 403, who
    assert door.get("admin", "/v1/people/nobody").status_code == 422
    assert door.get("admin", f"/v1/people/{'0' * 26}").status_code == 404
    for body in ({"name": ""}, {"name": " "}, {"name": "a\nb"}, {"name": "a", "age": 3}, {"name": "a", "groups": [""]}):
        assert door.ask("admin", "POST", "/v1/people", json=body).status_code == 422, body


def test_somebody_is_shown_with_where_they_were(door: Door) -> None:
    anna, ann = add(door, "Anna", groups=["staff"], note="tall"), add(door, "Ann")
    seen(door, {1: anna, 2: ann}, "01JD00000000000000000000AA")
    (first, second) = door.get("admin", "/v1/people").json()["people"]
    assert (first["name"], second["name"], second["groups"], second["looks"]) == ("Ann", "Anna", ["staff"], 0)
    assert second["last_seen"]["stream_id"] == "lobby"
    tracks = door.get("admin", f"/v1/people/{anna}/sightings").json()["tracks"]
    assert [one["track_id"] for one in tracks] == [1]
    merged = door.ask("admin", "POST", f"/v1/people/{anna}/merge", json={"other": ann}).json()
    assert (merged["id"], merged["name"]) == (anna, "Anna")
    assert len(door.get("admin", f"/v1/people/{ann}/sightings?limit=1").json()["tracks"]) == 1
    both = door.get("admin", f"/v1/people/{ann}/sightings").json()["tracks"]
    assert sorted(one["track_id"] for one in both) == [1, 2]
    listed = door.get("admin", "/v1/people").json()
    assert (listed["undo"], listed["groups"]) == ("the merge of Anna and Ann", ["staff"])
    assert door.ask("admin", "POST", "/v1/people/undo").json() == {"undone": "the merge of Anna and Ann"}
    assert door.ask("admin", "PATCH", f"/v1/people/{ann}", json={"name": "anna"}).json()["type"].endswith("name-taken")
    changed = door.ask("admin", "PATCH", f"/v1/people/{ann}", json={"strict": True}).json()
    assert (changed["name"], changed["strict"], changed["counter_examples"]) == ("Ann", True, 0)


def test_a_contested_track_loses_the_name_for_good(door: Door) -> None:
    anna, ben = add(door, "Anna"), add(door, "Ben")
    seen(door, {1: anna, 2: ben}, LATER, ended=False)
    track = next(one for one in _all_tracks(door) if one["track_id"] == 1)
    events = door.events("&track=1")
    assert {one["person"] for one in events} - {None} == {anna}
    waiting = _alert_that_waits(door, next(one["id"] for one in events if one["person"] and one["kind"] != "alert"))
    asked = {"event_id": events[0]["id"], "person": anna}
    assert door.ask("admin", "POST", "/v1/people/not-this", json={**asked, "track": track["id"]}).status_code == 422
    assert door.ask("admin", "POST", "/v1/people/not-this", json=asked).status_code == 204
    with door.running.database.read() as connection:
        left = json.loads(connection.scalars(select(outbox.c.body)).one())
    assert (left["id"], left["kind"], left["person"]) == (waiting, "alert", None), "and no other event in its place"
    door.show((3, 7), {2: ben}, LATER)  # the track ends, and was Anna to the node all the time
    until(lambda: next(one for one in _all_tracks(door) if one["track_id"] == 1)["ended_at_ns"])
    after = [*door.events("&track=1"), next(one for one in _all_tracks(door) if one["track_id"] == 1)]
    assert len(after) > len(events) and anna not in json.dumps([after, door.alerts()])
    assert door.get("admin", f"/v1/people/{anna}/sightings").json()["tracks"] == []
    assert {one["person"] for one in door.events("&track=2")} - {None} == {ben}
    assert door.get("admin", f"/v1/people/{anna}").json()["counter_examples"] == 1
    undone = door.ask("admin", "POST", "/v1/people/undo").json()
    assert undone == {"undone": "that a track is not Anna"}
    assert len(door.get("admin", f"/v1/people/{anna}/sightings").json()["tracks"]) == 1
    again = {one["id"]: one["person"] for one in door.events("&track=1")}
    assert [again[one["id"]] for one in events] == [one["person"] for one in events]


def _alert_that_waits(door: Door, cause: str) -> str:
    """Have an alert about track 1 wait for the broker, as it does with Kafka; its id. cause: the event behind it."""
    with door.running.database.write() as connection:
        stored = connection.scalars(
            select(stored_events.c.body).where(stored_events.c.kind == "alert", stored_events.c.session == LATER)
        )
        alert = next(one for one in map(Event.model_validate_json, stored) if one.track_id == 1)
        waits = alert.model_copy(update={"cause": uuid.UUID(cause)}).to_json().decode()
        row = {"topic": "livesight.events", "key": alert.stream_id, "schema": "livesight.event/1", "body": waits}
        connection.execute(outbox.insert().values(**row))
    return str(alert.id)


def test_an_erased_person_is_in_no_file(door: Door, database_url: str, tmp_path: Path) -> None:
    name, other = "Zerasedename", "Keptname"
    anna, ann, ben = add(door, name, note="zerasednote"), add(door, "Zerasedtoo"), add(door, other)
    store = PeopleStore(door.running.database, tmp_path)
    for person in (anna, ann, ben):
        store.add_look(person, look(3, b"\xff\xd8" + person.encode()), "user:ada")
    seen(door, {1: anna, 2: ben, 3: ann}, "01JD00000000000000000000AA")
    door.ask("admin", "PATCH", f"/v1/people/{anna}", json={"name": name.upper()})
    door.ask("admin", "POST", f"/v1/people/{anna}/merge", json={"other": ann})
    assert len(found_in(database_url, tmp_path, anna)) > 1
    assert door.delete(f"/v1/people/{anna}", "namer") == 403
    fresh = door.ask("namer", "POST", "/v1/people", json={"name": "Nobody yet"}).json()["id"]
    assert door.delete(f"/v1/people/{fresh}", "namer") == 204, "whoever added somebody takes them back"
    assert door.delete(f"/v1/people/{anna}") == 204
    assert door.delete(f"/v1/people/{anna}") == 404
    with door.running.database.read() as connection:
        buried = set(connection.scalars(select(erased_people.c.id)))
    assert buried == {anna, ann, fresh}
    assert len(list(store.files.folder.iterdir())) == 1 and store.sweep(time.time() + 60) == 0
    (store.files.folder / "lost.jpg").write_bytes(b"of a crash")
    assert (store.sweep(time.time() - 60), store.sweep(time.time() + 60)) == (0, 1)
    until(lambda: not any(found_in(database_url, tmp_path, one) for one in ("Zerased", "ZERASED", "zerased")) or None)
    assert [path.read_bytes()[2:].decode() for path in store.files.folder.iterdir()] == [ben]
    told = json.dumps([_all_tracks(door), door.events(), door.alerts()])
    assert anna not in told and ann not in told and ben in told
    assert {one["person"] for one in door.events("&track=2")} - {None} == {ben}
    seen(door, {1: anna, 2: ben}, LATER)
    assert {one["person"] for one in _all_tracks(door)} == {None, ben}, "what a node still delivers is about nobody"
    assert anna not in json.dumps([_all_tracks(door), door.events(), door.alerts()])
    with door.running.database.write() as connection:
        forget_old(connection, time.time_ns() + KEPT_NS)
        assert list(connection.scalars(select(erased_people.c.id))) == []
