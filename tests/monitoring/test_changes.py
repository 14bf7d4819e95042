"""Who may change what: rules and zones of their streams, acknowledgements; names of others are not taken over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.http import error_responses as problems
from monitoring.alerts.routes import alert_routes
from monitoring.arrangements.routes import rule_routes, scene_routes
from monitoring.arrangements.rule_store import RuleStore
from monitoring.arrangements.scene_store import SceneStore
from tests.monitoring.alerts.running_alerts import running_alerts
from tests.monitoring.shop import HIDDEN, PRINCIPALS, SEEN
from tests.monitoring.who import admit
from workers.access.principal import LOCAL_ADMIN, Principal
from workers.database.database import Database

SEEING: dict[str, Any] = {"when": {"type": "seen"}}


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """Without a key of its own: each request says who asks."""
    problems.install(app)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://test")


def key(who: str) -> dict[str, str]:
    """The headers of who asks."""
    return {"x-api-key": who}


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Zones and rules; the rules that come along, and one for each camera and for both."""
    app = admit(FastAPI(), PRINCIPALS)
    app.include_router(scene_routes(SceneStore(database)))
    app.include_router(rule_routes(RuleStore(database)))
    async with client_of(app) as opened:
        for name, streams in {"near": [SEEN], "far": [HIDDEN], "shared": [SEEN, HIDDEN]}.items():
            put = await opened.put(f"/v1/rules/{name}", json=SEEING | {"streams": streams}, headers=key("admin"))
            assert put.status_code == 201, put.text
        yield opened


async def rules(client: httpx.AsyncClient) -> dict[str, Any]:
    """All of them, as an admin sees them."""
    return {one["name"]: one for one in (await client.get("/v1/rules", headers=key("admin"))).json()["rules"]}


@pytest.mark.parametrize(
    ("method", "name", "streams", "status"),
    [
        ("PUT", "mine", [SEEN], 201),
        ("PUT", "near", [SEEN], 200),
        ("PUT", "mine", [], 403),
        ("PUT", "mine", [SEEN, HIDDEN], 403),
        ("PUT", "mine", [HIDDEN], 403),
        ("PUT", "near", [], 403),
        ("PUT", "far", [SEEN], 403),
        ("PUT", "shared", [SEEN], 403),
        ("PUT", "stream-down", [SEEN], 403),
        ("DELETE", "near", None, 204),
        ("DELETE", "far", None, 404),
        ("DELETE", "nothing", None, 404),
        ("DELETE", "shared", None, 403),
        ("DELETE", "stream-down", None, 403),
    ],
)
async def test_an_operator_changes_rules_of_their_streams_only(
    client: httpx.AsyncClient, method: str, name: str, streams: list[str] | None, status: int
) -> None:
    before = await rules(client)
    body = None if streams is None else SEEING | {"streams": streams, "severity": "info"}
    answer = await client.request(method, f"/v1/rules/{name}", json=body, headers=key("operator"))
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert await rules(client) == before
        assert HIDDEN not in answer.text
    assert (answer.status_code != 403) or "every stream" in answer.text or "name is taken" in answer.text


async def test_a_rule_that_hides_one_for_all_streams_is_not_an_operators_to_delete(client: httpx.AsyncClient) -> None:
    """Without it the built-in rule would hold for all streams again."""
    put = await client.put("/v1/rules/drift", json=SEEING | {"streams": [SEEN]}, headers=key("admin"))
    assert put.status_code == 201
    assert (await client.delete("/v1/rules/drift", headers=key("operator"))).status_code == 403
    assert (await client.delete("/v1/rules/drift", headers=key("admin"))).status_code == 204


async def test_what_another_process_stored_meanwhile_counts(client: httpx.AsyncClient, database: Database) -> None:
    """The routes have not read it yet."""
    app = admit(FastAPI(), PRINCIPALS)
    app.include_router(rule_routes(RuleStore(database)))
    async with client_of(app) as other:
        body = SEEING | {"streams": [HIDDEN]}
        assert (await other.put("/v1/rules/new", json=body, headers=key("admin"))).status_code == 201
    answer = await client.put("/v1/rules/new", json=SEEING | {"streams": [SEEN]}, headers=key("operator"))
    assert answer.status_code == 403


async def test_zones_are_changed_by_operators_of_the_stream(client: httpx.AsyncClient) -> None:
    zone = {"zones": [{"name": "door", "polygon": [[0, 0], [1, 0], [1, 1]]}]}
    tried = {
        (who, stream): (await client.put(f"/v1/zones/{stream}", json=zone, headers=key(who))).status_code
        for who in ("viewer", "operator", "admin")
        for stream in (SEEN, HIDDEN, "nowhere")
    }
    assert [status for (who, _), status in tried.items() if who == "viewer"] == [403, 403, 403]
    assert [status for (who, _), status in tried.items() if who == "operator"] == [201, 403, 403]
    assert [status for (who, _), status in tried.items() if who == "admin"] == [200, 201, 201]
    assert (await client.delete(f"/v1/zones/{HIDDEN}", headers=key("operator"))).status_code == 403
    shown = (await client.get("/v1/zones", headers=key("viewer"))).json()["scenes"]
    assert [scene["stream_id"] for scene in shown] == [SEEN]


async def test_alerts_are_acknowledged_by_reviewers_of_their_stream(tmp_path: Path, database_url: str) -> None:
    bot = Principal("service:bot", "service", PRINCIPALS["reviewer"].grants)
    with running_alerts(tmp_path, url=database_url) as monitor:
        near, far = (monitor.raise_alert(stream=stream) for stream in (SEEN, HIDDEN))
        app = admit(FastAPI(), {**PRINCIPALS, "bot": bot, "local": LOCAL_ADMIN})
        app.include_router(alert_routes(monitor.alerts, monitor.database))
        async with client_of(app) as client:

            async def acknowledge(who: str, alert_id: object, method: str = "POST", **body: str) -> httpx.Response:
                path = f"/v1/alerts/{alert_id}/acknowledge"
                return await client.request(method, path, json=body or None, headers=key(who))

            missing = await acknowledge("reviewer", "00000000-0000-0000-0000-000000000007")
            foreign = await acknowledge("reviewer", far.id)
            assert (missing.status_code, foreign.status_code) == (404, 404)
            assert foreign.json()["detail"].replace(str(far.id), "") == missing.json()["detail"].replace(
                "00000000-0000-0000-0000-000000000007", ""
            )
            assert (await acknowledge("viewer", near.id)).status_code == 403
            assert (await acknowledge("both", far.id)).status_code == 403, "seen, but not theirs to acknowledge"
            assert (await acknowledge("both", far.id, "DELETE")).status_code == 403
            assert (await client.get(f"/v1/alerts/{far.id}", headers=key("both"))).json()["acknowledged_by"] is None
            for who, name, recorded in (
                ("reviewer", None, "user:rob"),
                ("bot", "Ann", "Ann (service:bot)"),
                ("bot", "A" * 200, "A" * 186 + " (service:bot)"),
                ("local", "Ann", "Ann"),
                ("local", None, "local"),
            ):
                answer = await acknowledge(who, near.id, **({} if name is None else {"by": name}))
                assert (answer.status_code, answer.json()["acknowledged_by"]) == (200, recorded)
                assert (await acknowledge(who, near.id, "DELETE")).json()["acknowledged_by"] is None
