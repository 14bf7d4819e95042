"""A promotion that takes long is answered with 202 and a place to look; one that is refused says why there."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.conftest import Service, Start
from tests.peers.colour_models import write_colour_model
from workers.model_card import ModelStore
from workers.registry.promotion import Promotion

PATH = "/v1/models/colour"


@pytest.fixture
def service(start: Start, tmp_path: Path) -> Iterator[Service]:
    """With `colour` 1 in service and 2 beside it."""
    own, promoted = tmp_path / "own", tmp_path / "models"
    write_colour_model(own, version=1)
    (write_colour_model(promoted, version=3) / "model.bin").write_bytes(b"cut off")
    write_colour_model(promoted, version=2)
    yield start(store=ModelStore([promoted, own], promoted=promoted))


async def chosen(http: httpx.AsyncClient) -> tuple[int, int | None, int | None]:
    """(version, since when, what a rollback gives) of the version of `colour` that cameras get."""
    models = (await http.get("/v1/models")).raise_for_status().json()["models"]
    assert sorted(one["version"] for one in models if one["name"] == "colour") == [1, 2, 3]
    (found,) = (one for one in models if one["name"] == "colour" and one["chosen"])
    others = [one for one in models if not one["chosen"]]
    assert all(one["in_service_since_ns"] is None and one["previous"] is None for one in others)
    return found["version"], found["in_service_since_ns"], found["previous"]


async def test_the_list_says_since_when_a_version_serves_and_what_a_rollback_gives(service: Service) -> None:
    began_ns = time.time_ns() - 1_000_000_000  # clocks of file systems are coarse
    waits = {"prefer": "wait=120"}
    async with service.http() as http:
        assert await chosen(http) == (1, None, None), "it came with the service"
        (await http.post(f"{PATH}/promote", json={"version": 2}, headers=waits)).raise_for_status()
        version, since_ns, previous = await chosen(http)
        assert (version, previous) == (2, 1)
        assert since_ns is not None and began_ns < since_ns <= time.time_ns()
        (await http.post(f"{PATH}/rollback", headers=waits)).raise_for_status()
        version, again_ns, previous = await chosen(http)
        assert (version, previous) == (1, None)
        assert again_ns is not None and again_ns >= since_ns


async def test_who_waits_is_answered_when_it_is_done(service: Service) -> None:
    async with service.http() as http:
        waits = {"prefer": "respond-async, wait=120"}
        answer = await http.post(f"{PATH}/promote", json={"version": 2}, headers=waits)
        assert (answer.status_code, answer.json()) == (200, {"name": "colour", "version": 2, "before": 1})
        refused = await http.post(f"{PATH}/promote", json={"version": 3}, headers=waits)
        assert refused.status_code == 422 and refused.json()["type"].endswith("model-damaged")
        unknown = await http.post(f"{PATH}/promote", json={"version": 9}, headers=waits)
        assert unknown.status_code == 404 and unknown.json()["type"].endswith("model-unknown")
        back = await http.post(f"{PATH}/rollback", headers=waits)
        assert (back.status_code, back.json()) == (200, {"name": "colour", "version": 1, "before": 2})


async def test_one_that_takes_long_is_told_where_to_look(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    promotions, may_end = service.node.models.promotions, threading.Event()
    promote = promotions.promote

    def slow(name: str, version: int, **more: Any) -> Promotion:
        assert may_end.wait(60)
        return promote(name, version, **more)

    monkeypatch.setattr(promotions, "promote", slow)
    async with service.http() as http:
        for version, state in ((2, "done"), (3, "refused")):
            may_end.clear()
            at_once = {"prefer": "wait=0"}
            answer = await http.post(f"{PATH}/promote", json={"version": version}, headers=at_once)
            assert answer.status_code == 202 and answer.json()["state"] == "running", answer.text
            where = answer.headers["location"]
            assert (await http.get(where)).json()["state"] == "running"
            other = await http.post(f"{PATH}/promote", json={"version": 7}, headers=at_once)
            assert other.status_code == 409, "one at a time"
            joined = asyncio.create_task(
                http.post(f"{PATH}/promote", json={"version": version}, headers={"prefer": "wait=60"})
            )
            may_end.set()
            assert (await joined).status_code == (200 if state == "done" else 422)
            status = (await http.get(where)).json()
            assert (status["state"], status["version"], status["action"]) == (state, version, "promote")
            if state == "done":
                assert status["promotion"] == {"name": "colour", "version": 2, "before": 1}
            else:
                assert status["problem"]["type"].endswith("model-damaged")
                assert "model.bin: sha256 is" in status["problem"]["detail"]
        assert (await http.get(f"{PATH}/promotion/another-node")).status_code == 404
        assert (await http.get("/v1/models/mask/promotion/" + service.node.name)).status_code == 404
