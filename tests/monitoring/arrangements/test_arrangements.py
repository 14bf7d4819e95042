"""Zones, lines and rules over HTTP and by configuration; stored in the database, seen by other processes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from api.http import error_responses as problems
from monitoring.arrangements.reloader import Reloader
from monitoring.arrangements.routes import rule_routes, scene_routes
from monitoring.arrangements.rule_store import RuleStore
from monitoring.arrangements.scene_store import SceneStore
from monitoring.events.zone import Scene, Zone
from monitoring.migrations import MONITORING
from monitoring.rules.rule import Rule, SeenCondition
from monitoring.settings import MonitorSettings
from tests.monitoring.happened import message, result
from tests.monitoring.test_what_happened import monitoring, stored, wait_for
from tests.monitoring.who import admit
from workers.database.database import Database
from workers.database.migrations import migrate

SQUARE = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5], [0.1, 0.5]]
DOOR = {"name": "door", "polygon": SQUARE, "labels": [], "anchor": "foot", "stay_s": None}
GATE = {"name": "gate", "start": [0.0, 0.5], "end": [1.0, 0.5], "labels": ["with_mask"], "anchor": "centre"}
CONFIGURED = Scene(stream_id="fixed", zones=(Zone(name="all", polygon=((0, 0), (1, 0), (0, 1))),))
TARGETS = ("ops",)


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """Speaks to an application without a server."""
    problems.install(app)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """The routes on an empty database; one scene is configured."""
    app = admit(FastAPI())
    app.include_router(scene_routes(SceneStore(database, [CONFIGURED])))
    app.include_router(rule_routes(RuleStore(database, targets=TARGETS)))
    async with client_of(app) as opened:
        yield opened


async def test_zones_and_lines_are_put_kept_and_taken_away(client: httpx.AsyncClient, database: Database) -> None:
    nothing: dict[str, Any] = {"stream_id": "entrance", "zones": [], "lines": [], "origin": None}
    assert (await client.get("/v1/zones/entrance")).json() == nothing
    wanted = {"zones": [DOOR], "lines": [GATE]}
    put = await client.put("/v1/zones/entrance", json=wanted)
    shown = {"stream_id": "entrance", **wanted, "origin": "api"}
    assert (put.status_code, put.json()) == (201, shown)
    again = await client.put("/v1/zones/entrance", json=shown)  # what was shown may be sent back
    assert (again.status_code, again.json()) == (200, shown)
    assert (await client.get("/v1/zones/entrance")).json() == shown
    listed = (await client.get("/v1/zones")).json()["scenes"]
    assert [(scene["stream_id"], scene["origin"]) for scene in listed] == [
        ("entrance", "api"),
        ("fixed", "configuration"),
    ]
    after_restart = SceneStore(database)
    after_restart.reload()
    scene = after_restart.scene("entrance")
    assert scene is not None and scene.model_dump(mode="json") == {"stream_id": "entrance", **wanted}
    assert (await client.delete("/v1/zones/entrance")).status_code == 204
    gone = await client.delete("/v1/zones/entrance")
    assert (gone.status_code, gone.json()["detail"]) == (404, "there is no scene for stream entrance")
    after_restart.reload()
    assert after_restart.scene("entrance") is None


async def test_what_the_configuration_says_is_not_changed_over_http(client: httpx.AsyncClient) -> None:
    for answer in (await client.put("/v1/zones/fixed", json={}), await client.delete("/v1/zones/fixed")):
        assert answer.status_code == 409
        assert (
            answer.json()["detail"]
            == "scene for stream fixed comes from the configuration and cannot be changed over HTTP"
        )


async def test_rules_that_come_with_livesight_can_be_changed_and_come_back(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/rules")).json()["rules"]
    assert {rule["name"]: (rule["origin"], rule["when"]["type"]) for rule in listed} == {
        "stream-down": ("default", "stream_down"),
        "camera-fault": ("default", "camera"),
        "drift": ("default", "drift"),
    }
    refused = await client.delete("/v1/rules/drift")
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "rule drift is built in and cannot be deleted; PUT it with enabled: false instead",
    )
    drift = next(rule for rule in listed if rule["name"] == "drift")
    assert (await client.put("/v1/rules/drift", json=drift | {"enabled": False})).status_code == 201
    now = (await client.get("/v1/rules/drift")).json()
    assert (now["enabled"], now["origin"]) == (False, "api")
    assert (await client.delete("/v1/rules/drift")).status_code == 204
    assert (await client.get("/v1/rules/drift")).json() == drift


async def test_a_rule_of_ones_own(client: httpx.AsyncClient) -> None:
    rule = {"when": {"type": "seen", "labels": ["without_mask"], "zone": "door", "for_s": 2}, "targets": ["ops"]}
    put = await client.put("/v1/rules/no mask", json=rule)
    assert put.status_code == 201
    assert put.json()["name"] == "no mask" and put.json()["severity"] == "warning"
    assert (await client.get("/v1/rules/no mask")).json() == put.json()
    assert (await client.delete("/v1/rules/no mask")).status_code == 204
    assert (await client.get("/v1/rules/no mask")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("zones/a", {"zones": [DOOR | {"polygon": SQUARE[:2]}]}, "zones.0.polygon"),
        ("zones/a", {"zones": [DOOR | {"polygon": [[0, 0], [0.5, 0.5], [1, 1]]}]}, "it has no inside"),
        ("zones/a", {"zones": [DOOR | {"polygon": [[0, 0], [0, 1.5], [1, 1]]}]}, "zones.0.polygon.1.1"),
        ("zones/a", {"zones": [DOOR, DOOR]}, "two zones or lines are called door"),
        ("zones/a", {"lines": [GATE | {"end": GATE["start"]}]}, "must differ"),
        ("zones/a", {"zones": [DOOR | {"colour": "red"}]}, "zones.0.colour"),
        ("zones/a", {"stream_id": "b"}, "b differs from a in the path"),
        ("zones/UPPER", {}, "stream_id"),
        ("rules/a", {}, "when"),
        ("rules/a", {"when": {"type": "sene"}}, "sene"),
        (
            "rules/a",
            {"when": {"type": "event", "kinds": ["alert"]}},
            "unknown event kind 'alert'; there are: track",
        ),
        ("rules/a", {"when": {"type": "seen"}, "targets": ["nobody"]}, "no target nobody; the configuration has ops"),
        ("rules/a", {"when": {"type": "seen"}, "severity": "dire"}, "severity"),
        ("rules/a", {"name": "b", "when": {"type": "seen"}}, "b differs from a in the path"),
        ("rules/-a", {"when": {"type": "seen"}}, "name"),
        ("rules/try", {"when": {"type": "seen"}}, "is the address of POST /v1/rules/try"),
    ],
)
async def test_bad_input_is_named_and_changes_nothing(
    path: str, body: dict[str, Any], named: str, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'livesight.db'}")
    migrate(database, MONITORING)
    app = admit(FastAPI())
    app.include_router(scene_routes(SceneStore(database)))
    app.include_router(rule_routes(RuleStore(database, targets=TARGETS)))
    async with client_of(app) as client:
        before = [(await client.get(f"/v1/{kind}")).json() for kind in ("zones", "rules")]
        answer = await client.put(f"/v1/{path}", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert named in answer.json()["detail"]
        assert [(await client.get(f"/v1/{kind}")).json() for kind in ("zones", "rules")] == before
    database.close()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"scenes": [CONFIGURED, CONFIGURED]}, "there are two scenes of stream fixed"),
        ({"rules": [Rule(name="a", when=SeenCondition())] * 2}, "there are two rules a"),
        ({"rules": [Rule(name="a", when=SeenCondition(), targets=("ops",))]}, "rule a: there is no target ops"),
        ({"rules": [{"name": "a", "when": {"type": "count"}}]}, "rules.0.when.count.above"),
    ],
)
def test_a_bad_configuration_is_named(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        MonitorSettings(**settings)


def test_rules_of_the_configuration_are_instead_of_those_that_come_along(database: Database) -> None:
    own = Rule(name="own", when=SeenCondition())
    assert RuleStore(database, [own]).rules() == (own,)
    assert {rule.name for rule in RuleStore(database).rules()} == {"stream-down", "camera-fault", "drift"}
    assert RuleStore(database).get("own") is None


def test_what_another_process_is_told_is_seen_here(database: Database) -> None:
    here, there = SceneStore(database), SceneStore(database)
    scene = Scene(stream_id="entrance", zones=CONFIGURED.zones)
    there.put("entrance", scene)
    reloader = Reloader([here], 0.02)
    reloader.start()
    try:
        assert here.scene("entrance") == scene  # before the first result is looked at
        version = here.version
        there.put("entrance", Scene(stream_id="entrance"))
        wait_for(lambda: here.scene("entrance") == Scene(stream_id="entrance"))
        assert here.version != version
        version = here.version
        there.delete("entrance")
        wait_for(lambda: here.scene("entrance") is None)
        assert here.version != version and reloader.problems() == []
    finally:
        reloader.close(5)


async def test_zones_hold_from_the_next_picture_on(tmp_path: Path) -> None:
    """Put over HTTP while somebody stands there; taken away again."""
    with monitoring(MonitorSettings(gather_s=0.05), tmp_path) as (bus, running):
        app = admit(FastAPI())
        for router in running.routers:
            app.include_router(router)
        async with client_of(app) as client:
            frame = 0

            def go_on(kind: str) -> bool:
                nonlocal frame
                for _ in range(5):
                    bus.publish(message(result(frame, "door", labels=("with_mask",))))
                    frame += 1
                time.sleep(0.1)
                return bool(stored(running, kind))

            wait_for(lambda: go_on("track_began"))
            zone = DOOR | {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]], "labels": ["with_mask"]}
            assert (await client.put("/v1/zones/door", json={"zones": [zone]})).status_code == 201
            wait_for(lambda: go_on("zone_entered"))
            assert (await client.delete("/v1/zones/door")).status_code == 204
            wait_for(lambda: go_on("zone_left"))
            (left,) = stored(running, "zone_left")
            assert (left.zone, left.reason) == ("door", "zone_removed")


def test_a_restarted_monitor_knows_what_it_was_told(tmp_path: Path) -> None:
    scene = Scene(stream_id="door", zones=CONFIGURED.zones)
    with monitoring(MonitorSettings(), tmp_path) as (_, running):
        SceneStore(running.database).put("door", scene)
    with monitoring(MonitorSettings(gather_s=0.05), tmp_path) as (bus, running):
        for frame in range(50):
            bus.publish(message(result(frame, "door", labels=("with_mask",))))
        wait_for(lambda: bool(stored(running, "zone_entered")))
