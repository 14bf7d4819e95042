"""Alerts over HTTP: filters and pages, acknowledging, deliveries, targets, files."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import FastAPI

from api.http import error_responses as problems
from monitoring.alerts.routes import alert_routes
from monitoring.store.media import MediaFile
from tests.monitoring.alerts.running_alerts import SESSION, AlertMonitor, eventually, running_alerts
from tests.monitoring.who import admit
from tests.peers.webhook import WebhookServer
from workers.access.principal import ALL_STREAMS
from workers.bus.media import Clip

FAST = {"timeout_s": 1.0, "retry_min_s": 0.05, "retry_max_s": 0.2}


@asynccontextmanager
async def client(monitor: AlertMonitor) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the routes."""
    app = admit(FastAPI())
    problems.install(app)
    app.include_router(alert_routes(monitor.alerts, monitor.database))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        yield http


async def ids(http: httpx.AsyncClient, **query: Any) -> list[str]:
    """Of the alerts on a page."""
    answer = await http.get("/v1/alerts", params=query)
    assert answer.status_code == 200, answer.text
    return [alert["id"] for alert in answer.json()["alerts"]]


async def test_filters_and_pages(tmp_path: Path, database_url: str) -> None:
    with running_alerts(tmp_path, url=database_url) as monitor:
        first = monitor.raise_alert("mask", "door", "info", captured_at_ns=10**18)
        second = monitor.raise_alert("crowd", "hall", "critical", captured_at_ns=10**18 + 10**9)
        third = monitor.raise_alert("mask", "hall", captured_at_ns=10**18 + 2 * 10**9)
        monitor.end_alert(second)
        names = {str(alert.id): alert for alert in (third, second, first)}
        async with client(monitor) as http:
            assert await ids(http) == list(names)
            assert await ids(http, stream="hall") == [str(third.id), str(second.id)]
            assert await ids(http, rule=["mask"], stream=["door", "gate"]) == [str(first.id)]
            assert await ids(http, severity="critical") == [str(second.id)]
            assert await ids(http, state="open") == [str(third.id), str(first.id)]
            assert await ids(http, state="ended") == [str(second.id)]
            assert await ids(http, since="2001-09-09T01:46:41Z", until="2001-09-09T01:46:42Z") == [str(second.id)]
            page = (await http.get("/v1/alerts", params={"limit": 2})).json()
            rest = (await http.get("/v1/alerts", params={"limit": 2, "cursor": page["next"]})).json()
            assert [one["id"] for one in page["alerts"] + rest["alerts"]] == list(names) and rest["next"] is None
            for bad in (
                {"cursor": "nonsense"},
                {"state": "odd"},
                {"severity": "mild"},
                {"colour": "red"},
                {"limit": 0},
            ):
                refused = await http.get("/v1/alerts", params=bad)  # type: ignore[arg-type]
                assert refused.status_code == 422, bad
                assert next(iter(bad)) in refused.json()["detail"]


async def test_an_alert_with_all_that_belongs_to_it(tmp_path: Path, database_url: str) -> None:
    clip = Clip(b"\0\0\0\x18ftypall", "video/mp4", 0, 10**12)
    with WebhookServer() as server:
        target = {"type": "webhook", "name": "ops", "url": server.url, **FAST}
        with running_alerts(tmp_path, lambda *_: clip, url=database_url, clip_after_s=2, targets=[target]) as monitor:
            alert = monitor.raise_alert(track_id=7)
            bare = monitor.raise_alert()
            async with client(monitor) as http:
                waiting = await http.get(f"/v1/alerts/{alert.id}/clip")
                assert waiting.status_code == 404 and "not cut yet" in waiting.json()["detail"]
                shown = MediaFile("crop", "door", SESSION, 1, time.time_ns(), "image/jpeg", track_id=7)
                with monitor.database.write() as connection:
                    monitor.media.put(connection, shown, b"JPEG")
                eventually(lambda: monitor.alerts.store.one(alert.id, ALL_STREAMS)["clip"] == "kept")
                eventually(lambda: monitor.state(bare) == {"ops": ["delivered"]})
                found = (await http.get(f"/v1/alerts/{alert.id}")).json()
                assert found["rule"] == "mask" and found["text"] == "Alert number 1" and found["ended_at_ns"] is None
                assert found["snapshot_url"].startswith("/v1/snapshots/") and found["picture_url"] is None
                assert found["clip_url"].startswith("/v1/clips/") and found["clip"] == "kept"
                clip_at = await http.get(f"/v1/alerts/{alert.id}/clip")
                assert clip_at.status_code == 307 and clip_at.headers["location"] == found["clip_url"]
                image_at = await http.get(f"/v1/alerts/{alert.id}/picture")
                assert image_at.headers["location"] == found["snapshot_url"]
                image_at = await http.get(f"/v1/alerts/{alert.id}/picture?overlay=1")
                assert image_at.headers["location"] == found["snapshot_url"] + "?overlay=1"
                deliveries = (await http.get(f"/v1/alerts/{alert.id}/deliveries")).json()["deliveries"]
                assert deliveries == found["deliveries"]
                assert [(one["target"], one["kind"], one["state"], one["attempts"]) for one in deliveries] == [
                    ("ops", "alert", "delivered", 1)
                ]
                assert (await http.get(f"/v1/alerts/{bare.id}/picture")).status_code == 404


async def test_acknowledging(tmp_path: Path, database_url: str) -> None:
    with running_alerts(tmp_path, url=database_url) as monitor:
        alert = monitor.raise_alert()
        at = f"/v1/alerts/{alert.id}/acknowledge"
        async with client(monitor) as http:
            seen = (await http.post(at, json={"by": "ada", "note": "on my way"})).json()
            assert seen["acknowledged_by"] == "ada" and seen["note"] == "on my way"
            again = (await http.post(at, json={"by": "bob"})).json()
            assert {**again, "deliveries": []} == {**seen, "deliveries": []}, "who was first stays"
            assert await ids(http, state="unacknowledged") == []
            gone = (await http.delete(at)).json()
            assert gone["acknowledged_at_ns"] is gone["acknowledged_by"] is gone["note"] is None
            assert (await http.post(at)).json()["acknowledged_by"] == "local"
            nobody = await http.post(f"/v1/alerts/{uuid.uuid4()}/acknowledge", json={})
            assert nobody.status_code == 404 and nobody.json()["type"] == "urn:livesight:problem:alert-unknown"
            assert (await http.get("/v1/alerts/nonsense")).status_code == 422


async def test_acknowledging_many(tmp_path: Path, database_url: str) -> None:
    with running_alerts(tmp_path, url=database_url) as monitor:
        monitor.store([monitor.alert("mask", captured_at_ns=10**18 + number) for number in range(1003)])
        door, hall, ended = (monitor.raise_alert("crowd", stream) for stream in ("door", "hall", "hall"))
        monitor.end_alert(ended)
        at = "/v1/alerts/acknowledge"

        async with client(monitor) as http:

            async def answered(**body: Any) -> tuple[int, bool]:
                answer = await http.post(at, json=body)
                assert answer.status_code == 200, answer.text
                return answer.json()["acknowledged"], answer.json()["more"]

            chosen = [str(door.id), str(door.id), str(uuid.uuid4())]
            assert await answered(ids=chosen, by="ada", note="all of them") == (1, False)
            assert await answered(ids=chosen, by="bob") == (0, False), "the same again changes nothing"
            first = (await http.get(f"/v1/alerts/{door.id}")).json()
            assert (first["acknowledged_by"], first["note"]) == ("ada", "all of them")
            only_open = {"rule": ["crowd"], "state": "open", "since": "2001-09-10T00:00:00Z"}
            assert await answered(filter=only_open) == (1, False)
            assert await ids(http, state="unacknowledged", rule="crowd") == [str(ended.id)]
            assert await answered(filter={"rule": ["mask"]}) == (1000, True), "the bound of one request"
            assert await answered(filter={"rule": ["mask"]}) == (3, False)
            assert await answered(filter={}) == (1, False)
            assert await ids(http, state="unacknowledged") == [] and str(hall.id) in await ids(http)
            for body, named in (
                ({}, "ids"),
                ({"ids": [], "by": "ada"}, "ids"),
                ({"ids": chosen, "filter": {}}, "ids"),
                ({"ids": [str(uuid.uuid4())] * 1001}, "1000"),
                ({"filter": {"colour": ["red"]}}, "colour"),
                ({"filter": {"since": 1}}, "since"),
                ({"filter": {"limit": 1}}, "limit"),
            ):
                refused = await http.post(at, json=body)
                assert refused.status_code == 422 and named in refused.json()["detail"], refused.text


async def test_targets_their_test_and_another_try(tmp_path: Path) -> None:
    with WebhookServer() as server:
        target = {"type": "webhook", "name": "ops", "url": server.url, "give_up_s": 0.3, **FAST}
        with running_alerts(tmp_path, targets=[target]) as monitor:
            async with client(monitor) as http:
                assert (await http.post("/v1/alerts/test/ops")).json()["target"] == "ops"
                jsonschema.validate(server.accepted[0], (await http.get("/v1/alerts/schema")).json())
                assert (await http.post("/v1/alerts/test/pager")).status_code == 404
                server.answer = 500
                broken = await http.post("/v1/alerts/test/ops")
                assert broken.status_code == 502 and "answered 500" in broken.json()["detail"]
                lost = monitor.raise_alert()
                eventually(lambda: monitor.state(lost) == {"ops": ["given_up"]})
                eventually(lambda: monitor.alerts.queues()[0].backlog.given_up)
                shown = (await http.get("/v1/alerts/targets")).json()["targets"][0]
                assert (shown["name"], shown["type"], shown["given_up"], shown["waiting"]) == ("ops", "webhook", 1, 0)
                assert "500" in shown["error"] and str(server.port) not in str(shown)
                server.answer = 200
                at = f"/v1/alerts/{lost.id}/deliveries"
                assert (await http.post(f"{at}/ops/retry")).status_code == 200
                eventually(lambda: monitor.state(lost) == {"ops": ["delivered"]})
                assert (await http.post(f"{at}/ops/retry")).status_code == 409
                assert (await http.post(f"{at}/pager/retry")).status_code == 404


@pytest.mark.parametrize("body", [{"by": ""}, {"note": "x" * 4001}, {"who": "ada"}])
async def test_a_bad_acknowledgement_is_refused(tmp_path: Path, body: dict[str, str]) -> None:
    with running_alerts(tmp_path) as monitor:
        alert = monitor.raise_alert()
        async with client(monitor) as http:
            refused = await http.post(f"/v1/alerts/{alert.id}/acknowledge", json=body)
            assert refused.status_code == 422 and next(iter(body)) in refused.json()["detail"]
