"""What is deleted over HTTP, on SQLite and PostgreSQL: gone from every file and table, and it does not come back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from monitoring.alerts.tables import deliveries
from monitoring.store.live_events import Gone
from monitoring.store.tables import handler_states
from monitoring.store.tombstones import KEPT_NS, deleted_events, deleted_tracks, forget_old
from tests.monitoring.deletion.door import NEEDLE, Door, found_in, open_door
from tests.monitoring.shop import SEEN, until

OTHER = "somebody-else"


@pytest.fixture
def door(database_url: str, tmp_path: Path) -> Iterator[Door]:
    """One whom it is to forget, and somebody else, who were there together and have left; all is stored."""
    with open_door(database_url, tmp_path) as opened:
        come(opened)
        yield opened


def come(door: Door) -> None:
    """See `door`."""
    door.show((0, 4), {1: NEEDLE, 2: OTHER})
    door.picture(1, 2.0, [(1, NEEDLE), (2, OTHER)], f"image of {NEEDLE}")
    door.picture(2, 2.0, [(2, OTHER), (1, NEEDLE)], "image of another")
    door.show((4, 8), {})
    until(partial(_complete, door))


def _complete(door: Door) -> bool:
    tracks, alerts = door.tracks(), door.alerts()
    return (
        sorted(tracks) == [1, 2]
        and all(one["ended_at_ns"] and one["picture_url"] for one in tracks.values())
        and len(alerts) == 2
        and all(one["clip"] == "kept" and one["ended_at_ns"] and one["deliveries"] for one in alerts)
    )


def test_a_deleted_track_is_in_no_file(door: Door, database_url: str, tmp_path: Path) -> None:
    assert len(found_in(database_url, tmp_path, NEEDLE)) > 3, "image, clips, database"
    before, kept = door.tracks(), door.events("&track=2")
    number = before[1]["snapshot_url"]
    assert door.delete(f"/v1/tracks/{before[1]['id']}") == 204
    until(lambda: not found_in(database_url, tmp_path, NEEDLE) or None)
    assert sorted(door.tracks()) == [2] and door.tracks()[2] == before[2]
    assert door.get("admin", number).status_code == 404
    left = door.events()
    assert [event for event in left if event["track_id"] == 2] == kept
    assert not [event for event in left if event["track_id"] == 1 or event["kind"].startswith("alert")]
    assert door.counted("kind") == _count(left, "kind") and door.counted("label") == _count(left, "label")
    assert door.delete(f"/v1/tracks/{before[1]['id']}") == 404


def _count(events: list[dict[str, Any]], name: str) -> dict[str | None, int]:
    values = [event[name] for event in events]
    return {value: values.count(value) for value in values}


def test_alerts_about_it_keep_what_is_the_operators(door: Door) -> None:
    before = door.alerts()[0]
    door.ask("admin", "POST", f"/v1/alerts/{before['id']}/acknowledge", json={"note": f"it was {NEEDLE}"})
    before = door.alerts()[0]
    assert NEEDLE in before["note"] and NEEDLE == before["person"]
    assert door.delete(f"/v1/tracks/{door.tracks()[1]['id']}") == 204
    after = door.alerts()[0]
    same = ("id", "rule", "severity", "stream_id", "captured_at_ns", "ended_at_ns", "acknowledged_at_ns")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert NEEDLE not in json.dumps(after) and after["reason"] == "deleted"
    assert (after["clip"], after["clip_url"], after["snapshot_url"], after["track_id"]) == ("none", None, None, None)
    assert [one["state"] for one in after["deliveries"]] == [one["state"] for one in before["deliveries"]]
    with door.running.database.read() as connection:
        waiting = list(connection.scalars(select(deliveries.c.body)))
    assert waiting and NEEDLE not in "".join(waiting), "what is still to be told says no more"


def test_what_was_deleted_does_not_come_back(door: Door, database_url: str, tmp_path: Path) -> None:
    """Everything is delivered again to a monitor that has lost its states; the same images, too."""
    assert door.delete(f"/v1/tracks/{door.tracks()[1]['id']}") == 204
    before, alerts = door.events(), door.alerts()
    door.running.close(10)
    with door.running.database.write() as connection:
        connection.execute(delete(handler_states))
    with open_door(database_url, tmp_path) as again:
        again.show((0, 4), {1: NEEDLE, 2: OTHER})
        again.picture(1, 2.0, [(1, NEEDLE)], f"image of {NEEDLE}")
        again.show((4, 8), {})
        again.show((8, 9), {3: OTHER})
        until(lambda: 3 in again.tracks())
        assert sorted(again.tracks()) == [2, 3]
        assert [event for event in again.events() if event["track_id"] != 3][: len(before)] == before
        known = {one["id"] for one in alerts}
        after = [one | {"deliveries": []} for one in again.alerts() if one["id"] in known]
        assert after == [one | {"deliveries": []} for one in alerts], "the same, and as little told of them"
        again.show((9, 12), {})  # what handlers know of it is written anew
        until(lambda: not found_in(database_url, tmp_path, NEEDLE) or None)


def test_of_a_track_in_view_nothing_more_is_stored(database_url: str, tmp_path: Path) -> None:
    """Alerts are raised all the same, and say no more than that; the number's next track is another."""
    with open_door(database_url, tmp_path) as door:
        door.show((0, 0.8), {1: NEEDLE})
        until(lambda: 1 in door.tracks())
        assert door.delete(f"/v1/tracks/{door.tracks()[1]['id']}") == 204
        door.show((0.8, 3), {1: NEEDLE})
        door.picture(1, 2.0, [(1, NEEDLE)], f"image of {NEEDLE}")
        until(lambda: any(one["rule"] == "inside" for one in door.alerts()))
        assert all(one["reason"] == "deleted" and one["clip"] == "none" for one in door.alerts())
        door.show((3, 6), {})
        until(lambda: not [one for one in door.alerts() if one["ended_at_ns"] is None])
        assert door.tracks() == {} and not [one for one in door.events() if one["track_id"] is not None]
        door.show((6, 9), {1: OTHER})
        until(lambda: 1 in door.tracks())
        until(lambda: not found_in(database_url, tmp_path, NEEDLE) or None)


def test_an_event_goes_alone_and_its_track_tells_no_more_of_it(door: Door) -> None:
    track = door.tracks()[1]
    entered = next(one for one in door.events("&track=1") if one["kind"] == "zone_entered")
    for event in door.events("&track=1"):
        if event["zone"] == "mat":
            assert door.delete(f"/v1/events/{event['id']}") == 204
    assert door.get("admin", f"/v1/events/{entered['id']}").status_code == 404
    assert door.delete(f"/v1/events/{entered['id']}") == 404
    after = door.tracks()[1]
    assert track["zones"] and not after["zones"] and after["labels"] == track["labels"]
    assert door.get("admin", "/v1/tracks?zone=mat").json()["tracks"][0]["track_id"] == 2
    assert door.counted("zone") == _count(door.events(), "zone")
    alert = door.alerts()[0]
    assert door.delete(f"/v1/events/{alert['id']}") == 204
    assert door.alerts()[0]["reason"] == "deleted" and door.alerts()[0]["clip_url"] is None
    assert alert["id"] not in [one["id"] for one in door.tracks()[alert["track_id"]]["alerts"]]
    assert door.delete(f"/v1/events/{track['id']}") == 204, "the first: of the track nothing is left"
    assert sorted(door.tracks()) == [2] and not door.events("&track=1")


def test_images_and_clips_go_by_themselves(door: Door) -> None:
    track = door.tracks()[1]
    assert door.delete(track["picture_url"]) == 204
    door.picture(1, 3.0, [(1, NEEDLE)], "a better one")
    door.picture(2, 3.0, [(2, OTHER)], "a better one")
    until(lambda: door.tracks()[2]["picture_url"] != track["picture_url"])
    assert (door.tracks()[1]["picture_url"], door.tracks()[1]["snapshot_url"]) == (None, None)
    assert door.delete(track["picture_url"]) in (204, 404) and door.delete("/v1/snapshots/999999") == 404
    alert = door.alerts()[0]
    assert door.delete(alert["clip_url"]) == 204
    after = door.alerts()[0]
    assert (after["clip"], after["clip_url"], after["text"]) == ("none", None, alert["text"])
    told = door.get("admin", f"/v1/alerts/{alert['id']}/clip").json()["detail"]
    assert "the clip was deleted" in told


def test_only_those_may_delete_who_may(door: Door) -> None:
    track, alert = door.tracks()[1], door.alerts()[0]
    for path in (f"/v1/tracks/{track['id']}", f"/v1/events/{alert['id']}", track["picture_url"], alert["clip_url"]):
        assert [door.delete(path, who) for who in ("viewer", "reviewer", "operator")] == [403, 403, 403], path
        assert door.get("admin", path).status_code == 200


async def test_pages_that_look_on_are_told(door: Door) -> None:
    track = (await asyncio.to_thread(door.tracks))[1]
    told: list[Any] = []

    async def follow(batches: Any, began: asyncio.Event) -> None:
        async with aclosing(batches) as following:
            async for items, _ in following:
                began.set()
                told.extend(one for one in items if isinstance(one, Gone))
                if items:
                    return

    began = [asyncio.Event(), asyncio.Event()]
    async with asyncio.TaskGroup() as tasks:
        for live, event in zip((door.running.live, door.running.live_tracks), began, strict=True):
            tasks.create_task(follow(live.batches(lambda _: True), event))  # type: ignore[attr-defined]
        for event in began:
            await event.wait()
        await asyncio.to_thread(door.delete, f"/v1/tracks/{track['id']}")
    assert {one.stream_id for one in told} == {SEEN}
    assert any([str(one) for one in gone.ids] == [track["id"]] for gone in told)


def test_tombstones_go_when_nothing_can_bring_it_back(door: Door) -> None:
    assert door.delete(f"/v1/tracks/{door.tracks()[1]['id']}") == 204
    database = door.running.database
    for after_ns, left in ((KEPT_NS // 2, True), (KEPT_NS * 2, False)):
        with database.write() as connection:
            buried = connection.scalars(select(deleted_tracks.c.deleted_ns)).all()
            forget_old(connection, max(buried) + after_ns)
            tables = [connection.execute(select(one.c.seq)).first() for one in (deleted_events, deleted_tracks)]
            assert [row is not None for row in tables] == [left, left]
