"""Events over HTTP, in one process: pages, files, CSV, problems."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from api.app import create_app, extend
from monitoring import URL_PREFIXES
from monitoring.store.event_routes import event_routes
from monitoring.store.live_events import LiveEvents
from monitoring.store.media import MediaFile, MediaStore, packed
from monitoring.store.media_routes import media_routes
from monitoring.store.writes import add_events
from tests.monitoring.boxes import kept_boxes
from tests.monitoring.happened import BEGAN_NS, SESSION, happened
from workers.bus.message_bus import LocalBus
from workers.database.database import Database
from workers.model_card import ModelStore
from workers.node.node import Node
from workers.settings import NodeSettings

JPEG = b"\xff\xd8 a crop"


class Site:
    """The application with the routes of events, mounted as `livesight up` mounts them."""

    active = True
    ready = True
    prefixes = URL_PREFIXES

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.media = MediaStore(folder / "media")
        self.live = LiveEvents()
        self.routers = [event_routes(database, self.live), media_routes(database, self.media)]
        self.troubles: list[str] = []
        self.told: list[str] = []
        self.app: FastAPI = create_app(
            Node(NodeSettings("test"), ModelStore([]), LocalBus()), LocalBus(), roles=["monitor"]
        )
        extend(self.app, self)

    def problems(self) -> list[str]:
        """See Extension."""
        return self.troubles

    def notes(self) -> list[str]:
        """See Extension."""
        return self.told

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """Ask."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())

    def store(self, *events: Any) -> None:
        """As the monitor does."""
        with self.database.write() as connection:
            add_events(connection, events)

    def put(self, data: bytes = JPEG, **fields: Any) -> None:
        """A file with its row."""
        shown = MediaFile(
            **{"stream_id": "door", "session": SESSION, "pts_us": 1, "captured_at_ns": BEGAN_NS, **fields}
        )
        with self.database.write() as connection:
            self.media.put(connection, shown, data)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    """Nothing has happened yet."""
    yield Site(database, tmp_path)


def test_a_picture_with_its_boxes(site: Site) -> None:
    """The track's own one strong, others faint; bare without `overlay`, and on the disk."""
    bare = np.full((90, 160, 3), 90, np.uint8)
    boxes = kept_boxes((0, 0, 320, 180), (7, (20, 20, 100, 160)), (8, (200, 20, 280, 160)))
    jpeg = cv2.imencode(".jpg", bare)[1].tobytes()
    site.store(happened(1, track_id=7))
    site.put(jpeg, kind="picture", track_id=7, media_type="image/jpeg", boxes=boxes)
    url = site.get("/v1/events").json()["events"][0]["picture_url"]
    plain, drawn = site.get(url), site.get(f"{url}?overlay=1")
    assert plain.content == jpeg and [path.read_bytes() for path in site.media.folder.glob("*/*")] == [jpeg]
    assert plain.headers["etag"] != drawn.headers["etag"]
    assert site.get(f"{url}?overlay=1", {"if-none-match": drawn.headers["etag"]}).status_code == 304
    assert site.get(f"{url}?overlay=1", {"if-none-match": plain.headers["etag"]}).status_code == 200
    image = cv2.imdecode(np.frombuffer(drawn.content, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None and image.shape == bare.shape
    change = np.abs(image.astype(int) - 90).max(2)
    own, other = change[77:83, 15:45].max(0).mean(), change[77:83, 105:135].max(0).mean()
    assert own > 1.5 * other > 15
    assert site.get(f"{url}?overlay=maybe").status_code == 422


def test_events_come_with_their_pictures_and_clips(site: Site) -> None:
    began = happened(1, track_id=7, label="with_mask")
    alert = happened(2, "alert", track_id=7, rule="mask", severity="critical", text="look", cause=began.id)
    site.store(began, alert, happened(3, "stream_down"))
    site.put(kind="crop", track_id=7, media_type="image/jpeg")
    site.put(kind="picture", track_id=7, media_type="image/jpeg")
    site.put(kind="crop", track_id=7, media_type="image/jpeg", stream_id="yard", session=SESSION + "0")
    site.put(kind="clip", event_id=alert.id, media_type="video/mp4")
    down, alerted, first = site.get("/v1/events").json()["events"]
    assert (down["snapshot_url"], down["picture_url"], down["clip_url"]) == (None, None, None)
    assert first["snapshot_url"] == alerted["snapshot_url"] is not None
    assert first["clip_url"] is None
    crop = site.get(first["snapshot_url"])
    assert (crop.content, crop.headers["content-type"]) == (JPEG, "image/jpeg")
    assert crop.headers["cache-control"] == "private, no-cache"
    assert site.get(alerted["clip_url"]).headers["content-type"] == "video/mp4"
    assert site.get(first["picture_url"]).status_code == 200
    one = site.get(f"/v1/events/{alert.id}").json()
    assert one == alerted
    assert {key: one[key] for key in ("kind", "text", "cause")} == {
        "kind": "alert",
        "text": "look",
        "cause": str(began.id),
    }


def test_a_clip_has_the_results_of_its_frames_beside_it(site: Site) -> None:
    lines = b'{"pts_us": 5000040}\n{"pts_us": 5000080}\n'
    old, new = (happened(number, "alert", rule="mask", text="look") for number in (1, 2))
    site.store(old, new)
    for alert in (old, new):
        site.put(kind="clip", event_id=alert.id, media_type="video/mp4", pts_us=7_000_000)
    site.put(packed(lines), kind="results", event_id=new.id, media_type="application/jsonl", pts_us=5_000_000)
    shown = {event["id"]: event["clip_url"] for event in site.get("/v1/events").json()["events"]}
    found = site.get(f"{shown[str(new.id)]}/results")
    assert (found.content, found.headers["content-type"]) == (lines, "application/jsonl")
    assert found.headers["x-livesight-from-us"] == "5000000", "what the clip begins with, not what the alert is of"
    assert found.headers["x-livesight-session"] == SESSION
    again = site.get(f"{shown[str(new.id)]}/results", {"if-none-match": found.headers["etag"]})
    assert (again.status_code, again.headers["x-livesight-from-us"]) == (304, "5000000")
    without = site.get(f"{shown[str(old.id)]}/results")
    assert without.status_code == 404 and without.json()["type"] == "urn:livesight:problem:clip-without-results"
    assert "not stored when it was cut" in without.json()["detail"]
    results_number = int(found.headers["etag"].strip('"').split("-")[0])
    for path in (f"/v1/clips/{results_number}", f"/v1/snapshots/{results_number}", "/v1/clips/999/results"):
        assert site.get(path).json()["type"] == "urn:livesight:problem:media-unknown"
    [file] = site.media.folder.glob("*/*.gz")
    for damaged in (b"", file.read_bytes()[:-9], b"no gzip at all"):
        file.write_bytes(damaged)
        answer = site.get(f"{shown[str(new.id)]}/results")
        assert (answer.status_code, answer.json()["title"]) == (404, "The clip has no results"), damaged
        assert "damaged" in answer.json()["detail"]
    file.unlink()
    assert "its file is not on this machine" in site.get(f"{shown[str(new.id)]}/results").json()["detail"]


def test_pages_follow_each_other(site: Site) -> None:
    site.store(*(happened(number) for number in range(120)))
    seen: list[str] = []
    path: str | None = "/v1/events?limit=50"
    while path is not None:
        page = site.get(path).json()
        seen += [event["id"] for event in page["events"]]
        path = None if page["next"] is None else f"/v1/events?limit=50&cursor={page['next']}"
    assert seen == [str(happened(number).id) for number in reversed(range(120))]


def test_csv_is_whole_however_long(site: Site) -> None:
    site.store(*(happened(number, label="with_mask" if number % 2 else None) for number in range(1100)))
    answer = site.get("/v1/events.csv?label=with_mask")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == [str(happened(number).id) for number in range(1, 1100, 2)]


@pytest.mark.parametrize(
    ("path", "status", "kind", "told"),
    [
        ("/v1/events?colour=red", 422, "invalid-request", "colour"),
        ("/v1/events?limit=1000", 422, "invalid-request", "limit"),
        ("/v1/events?cursor=x", 422, "invalid-request", "cursor: not issued by this server"),
        ("/v1/events?kind=seen", 422, "invalid-request", "unknown event kind 'seen'; there are: track_began, "),
        ("/v1/events?since=yesterday", 422, "invalid-request", "since"),
        ("/v1/events?until=0", 422, "invalid-request", "until: must be a date and time"),
        ("/v1/events/counts?since=1763687000.5", 422, "invalid-request", "since: must be a date and time"),
        ("/v1/events?since=1817-01-01T00:00:00Z", 422, "invalid-request", "1817"),
        ("/v1/events?kind=party", 422, "invalid-request", "kind"),
        ("/v1/events?stream=No!", 422, "invalid-request", "stream"),
        ("/v1/events/counts?tz=Mars/Olympus", 422, "invalid-request", "Mars/Olympus"),
        ("/v1/events.csv?since=1817-01-01", 422, "invalid-request", "1817"),
        ("/v1/events/7", 422, "invalid-request", "event_id"),
        ("/v1/events/00000000-0000-0000-0000-000000000000", 404, "event-unknown", "no event"),
        ("/v1/snapshots/1", 404, "media-unknown", "1"),
        ("/v1/clips/99999999999999999999", 422, "invalid-request", "number"),
    ],
)
def test_what_cannot_be_answered_is_said(site: Site, path: str, status: int, kind: str, told: str) -> None:
    answer = site.get(path)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (status, f"urn:livesight:problem:{kind}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert told in problem["detail"]


def test_a_snapshot_is_no_clip_and_a_lost_file_is_told(site: Site) -> None:
    site.put(kind="crop", track_id=7, media_type="image/jpeg")
    assert site.get("/v1/clips/1").status_code == 404
    next((site.media.folder).glob("*/*.jpg")).unlink()
    answer = site.get("/v1/snapshots/1")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:livesight:problem:media-unknown")


@pytest.mark.parametrize("kind", ["crop", "clip"])
def test_a_browser_asks_each_time_whether_it_may_still_show_its_copy(site: Site, kind: str) -> None:
    alert = happened(2, "alert", track_id=7, rule="mask", severity="critical")
    site.store(alert)
    of: dict[str, Any] = {"track_id": 7, "media_type": "image/jpeg"}
    if kind == "clip":
        of = {"event_id": alert.id, "media_type": "video/mp4"}
    site.put(kind=kind, **of)
    path = f"/v1/{'clips' if kind == 'clip' else 'snapshots'}/1"
    first = site.get(path)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = site.get(path, {"if-none-match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == "private, no-cache"
    assert site.get(path, {"if-none-match": '"other"'}).content == JPEG
    part = site.get(path, {"range": "bytes=2-4", "if-range": tag})
    assert (part.status_code, part.content) == ((206, JPEG[2:5]) if kind == "clip" else (200, JPEG))
    site.put(kind=kind, **of, captured_at_ns=BEGAN_NS + 1)  # a better one takes its place; SQLite gives it its number
    assert site.get(path, {"if-none-match": tag}).status_code in (200, 404)


def test_readiness_tells_what_is_wrong(site: Site) -> None:
    assert site.get("/readyz").json()["status"] == "ready"
    site.told.append("kept for 20 hours, not 30 days")
    ready = {"status": "ready", "reasons": [], "notes": ["kept for 20 hours, not 30 days"]}
    assert site.get("/readyz").json() == ready, "what is no fault does not degrade it"
    site.troubles.append("the database is tired")
    assert site.get("/readyz").json() == ready | {"status": "degraded", "reasons": ["the database is tired"]}
    site.ready = False
    assert site.get("/readyz").status_code == 503


def test_the_events_are_in_openapi(site: Site) -> None:
    document = site.get("/openapi.json").json()
    assert {"/v1/events", "/v1/events/counts", "/v1/events.csv", "/v1/events/live"} <= set(document["paths"])
    names = {one["name"] for one in document["paths"]["/v1/events"]["get"]["parameters"]}
    assert {"since", "until", "stream", "kind", "label", "zone", "min_confidence", "alert", "cursor"} <= names


async def test_a_slow_follower_learns_how_many_events_it_missed() -> None:
    live = LiveEvents()
    following = live.follow(lambda event: event.stream_id == "door")
    assert (await anext(following)).comment is not None
    live.committed([happened(number) for number in range(1500)])
    live.committed([happened(1, stream_id="yard")])
    missed = await anext(following)
    assert (missed.event, missed.data) == ("missed", {"missed": 500})
    sent = [await anext(following) for _ in range(1000)]
    assert [one.id for one in sent] == [str(happened(number).id) for number in range(500, 1500)]
    assert json.loads(sent[0].raw_data or "")["schema"] == "livesight.event/1"
    live.committed([happened(2000)])
    live.close()
    rest = [part async for part in following]
    assert [one.id for one in rest] == [str(happened(2000).id)], "what is stored before the end is sent"
    assert [part async for part in live.follow(lambda event: True)] == []


async def test_a_follower_gets_nothing_but_what_happened() -> None:
    """Two commits before it is its turn wake it twice: that is no second beginning."""
    live = LiveEvents()
    following = live.follow(lambda event: True)
    assert (await anext(following)).comment is not None
    for number in range(2):
        live.committed([happened(number)])
    sent = [await anext(following) for _ in range(2)]
    await asyncio.sleep(0)  # the second call to wake it has run
    live.committed([happened(2)])
    sent.append(await anext(following))
    assert [one.id for one in sent] == [str(happened(number).id) for number in range(3)]
    live.close()
    assert [part async for part in following] == []


async def test_live_events_are_server_sent_until_the_monitor_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(site.app), base_url="http://127.0.0.1") as client:
        asked = asyncio.create_task(client.get("/v1/events/live?kind=track_began"))
        while not site.live._followers:
            await asyncio.sleep(0.01)
        site.live.committed([happened(1), happened(2, "track_ended"), happened(3)])
        site.live.close()
        answer = await asked
        monkeypatch.setattr("monitoring.store.live_events._MOST_FOLLOWERS", 0)
        refused = await client.get("/v1/events/live")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"
    first, *sent = answer.text.rstrip().split("\n\n")
    assert first == ": events follow as they are stored"
    told = [dict(line.split(": ", 1) for line in one.splitlines()) for one in sent]
    assert [one["id"] for one in told] == [str(happened(number).id) for number in (1, 3)]
    shown = [json.loads(one["data"]) for one in told]
    assert shown == [json.loads(happened(number).to_json()) | {"names": {}} for number in (1, 3)]
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:livesight:problem:overloaded")
