"""What is stored has bounds, is read back before it is confirmed, and is not lost when it cannot be read."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert

from monitoring.arrangements.reloader import Reloader
from monitoring.arrangements.routes import rule_routes, scene_routes
from monitoring.arrangements.rule_store import RuleStore, rules_table
from monitoring.arrangements.scene_store import SceneStore
from tests.monitoring.arrangements.test_arrangements import DOOR, client_of
from tests.monitoring.who import admit
from workers.database.database import Database

SEEN: dict[str, Any] = {"when": {"type": "seen"}}


def served(database: Database, most: int = 200) -> httpx.AsyncClient:
    """Rules and scenes of a service, of which `most` may be stored."""
    app = admit(FastAPI())
    app.include_router(scene_routes(SceneStore(database, most=most)))
    app.include_router(rule_routes(RuleStore(database, most=most)))
    return client_of(app)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("rules/a", '{"when": {"type": "seen", "for_s": Infinity}}', "when.seen.for_s"),
        ("rules/a", '{"when": {"type": "seen", "for_s": NaN}}', "when.seen.for_s"),
        ("rules/a", '{"when": {"type": "seen", "for_s": 1e30}}', "when.seen.for_s"),
        ("rules/a", '{"when": {"type": "seen"}, "cooldown_s": 1e999}', "cooldown_s"),
        ("rules/a", '{"when": {"type": "count", "above": 1e30}}', "when.count.above"),
        ("rules/a", '{"when": {"type": "count", "above": -Infinity}}', "when.count.above"),
        ("rules/a", f'{{"when": {{"type": "seen", "labels": {["x"] * 5000}}}}}'.replace("'", '"'), "when.seen.labels"),
        ("rules/a", '{"when": {"type": "seen", "labels": ["%s"]}}' % ("x" * 101), "when.seen.labels.0"),
        ("zones/a", '{"zones": [{"name": "z", "polygon": [[0, 0], [1, 0], [0, 1]], "stay_s": 1e-320}]}', "stay_s"),
        ("zones/a", '{"zones": [{"name": "z", "polygon": [[NaN, 0], [1, 0], [0, 1]]}]}', "polygon"),
    ],
)
async def test_numbers_and_lists_beyond_all_sense_are_refused(
    database: Database, path: str, body: str, field: str
) -> None:
    async with served(database) as client:
        answer = await client.put(f"/v1/{path}", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 422, answer.text
        assert field in answer.json()["errors"][0]["field"]


async def test_one_too_many_is_a_conflict_that_names_the_setting(database: Database) -> None:
    async with served(database, most=2) as client:
        for name in ("a", "b"):
            assert (await client.put(f"/v1/rules/{name}", json=SEEN)).status_code == 201
            assert (await client.put(f"/v1/zones/{name}", json={"zones": [DOOR]})).status_code == 201
        for path, body, setting in (("rules/c", SEEN, "max_rules"), ("zones/c", {}, "max_scenes")):
            answer = await client.put(f"/v1/{path}", json=body)
            assert answer.status_code == 409 and answer.json()["type"].endswith(":quota-reached")
            assert f"monitoring.{setting}" in answer.json()["detail"]
        assert (await client.put("/v1/rules/b", json=SEEN)).status_code == 200, "replacing one is no more of them"
        assert (await client.delete("/v1/rules/a")).status_code == 204
        assert (await client.put("/v1/rules/c", json=SEEN)).status_code == 201


async def test_what_is_confirmed_is_there_after_the_restart(database: Database) -> None:
    async with served(database) as client:
        confirmed = []
        for number, for_s in enumerate((0, 0.1, 1 / 3, 604800, 1e-320)):
            body = {"when": {"type": "seen", "for_s": for_s}}
            if (await client.put(f"/v1/rules/r{number}", json=body)).status_code == 201:
                confirmed.append(f"r{number}")
    after = RuleStore(database)
    after.reload()
    assert len(confirmed) >= 4 and {name for name in after.items() if name.startswith("r")} == set(confirmed)


async def test_what_cannot_be_read_is_told_and_kept(database: Database) -> None:
    body = '{"name": "old", "when": {"type": "seen", "for_s": null}}'  # as an earlier version stored Infinity
    with database.write() as connection:
        connection.execute(insert(rules_table).values(name="old", body=body, updated_ns=time.time_ns()))
    rules = RuleStore(database)
    reloader = Reloader([rules], 60)
    reloader.start()
    try:
        assert "rule old is stored but cannot be used: when.seen.for_s" in reloader.problems()[0]
        with database.read() as connection:
            assert connection.execute(rules_table.select()).one().body == body
        app = admit(FastAPI())
        app.include_router(rule_routes(rules))
        async with client_of(app) as client:
            assert (await client.put("/v1/rules/old", json=SEEN)).status_code == 201
        assert reloader.problems() == [] and rules.get("old") is not None
    finally:
        reloader.close(5)
