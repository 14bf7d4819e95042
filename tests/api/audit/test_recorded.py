"""What requests leave in the trail: who saw, changed, was refused; and who may read it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.audit.entry import AuditFact
from api.audit.stores import DatabaseStore
from api.audit.verification import verify
from tests.api.conftest import Service
from tests.api.with_accounts import FOREIGN, KEYS, MINE, accounted, ask, knock

ADMIN = {"x-api-key": "admin *"}
WHO = {key: f"service:file:key {number}" for number, key in enumerate(KEYS)}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with accounted(tmp_path_factory.mktemp("state")) as service:
        yield service


def entries(service: Service, at_least: int = 1, **query: Any) -> list[dict[str, Any]]:
    """The newest first; waits until there are so many."""
    deadline_s = time.monotonic() + 20
    while True:
        answer = httpx.get(f"{service.url}/v1/audit", params=query, headers=ADMIN)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["entries"]
        if len(found) >= at_least or time.monotonic() > deadline_s:
            return found
        time.sleep(0.02)


def test_who_saw_a_camera_opened_a_clip_and_took_things_away(service: Service) -> None:
    with httpx.Client(base_url=service.url) as http:
        assert knock(f"{service.ws}/v1/streams/{MINE}/video", f"viewer {MINE}").status == 101
        assert ask(http, "GET", "/v1/events.csv?stream=mine", "reviewer *").status == 200
        assert ask(http, "GET", "/v1/snapshots/12345", "reviewer *").status == 404
        assert ask(http, "GET", f"/v1/streams/{MINE}", "reviewer *").status == 200
    [live] = entries(service, what="live")
    assert (live["principal"], live["stream"], live["method"]) == (WHO[f"viewer {MINE}"], MINE, "WS")
    assert live["target"] == f"/v1/streams/{MINE}/video" and live["address"] == "127.0.0.1"
    [download] = entries(service, what="download", principal=WHO["reviewer *"])
    assert download["target"] == "/v1/events.csv"  # without its query
    assert entries(service, 0, what="snapshot") == []  # there was nothing to see


def test_who_changed_what(service: Service) -> None:
    with httpx.Client(base_url=service.url) as http:
        rule = json.dumps({"kind": "count", "above": 3, "name": "full"}).encode()
        changed = ask(http, "PUT", f"/v1/zones/{MINE}", "operator *", b'{"zones": [], "lines": []}')
        assert changed.status in (200, 201), changed
        assert ask(http, "PUT", "/v1/rules/full", "operator *", rule + b"x").status == 400
        assert ask(http, "DELETE", f"/v1/streams/{FOREIGN}", "admin *").status == 204
    found = entries(service, 2, what="change")
    assert [(entry["method"], entry["target"], entry["stream"]) for entry in reversed(found)] == [
        ("PUT", f"/v1/zones/{MINE}", MINE),
        ("DELETE", f"/v1/streams/{FOREIGN}", FOREIGN),
    ]
    assert {entry["principal"] for entry in found} == {WHO["operator *"], WHO["admin *"]}


def test_who_was_refused_and_how_often(service: Service) -> None:
    with httpx.Client(base_url=service.url) as http:
        for _ in range(3):
            assert ask(http, "DELETE", f"/v1/streams/{MINE}", f"viewer {MINE}").status == 403
        assert ask(http, "GET", "/v1/streams", "no such key").status == 401
    refused = entries(service, 2, what="refused")
    assert [(entry["principal"], entry["outcome"]) for entry in reversed(refused)] == [
        (WHO[f"viewer {MINE}"], "403"),  # the others are counted, and told at the end of the minute
        ("anonymous", "401"),
    ]
    assert "no such key" not in json.dumps(refused)


def test_pages_leave_no_entry_out(service: Service) -> None:
    store = DatabaseStore(service.context.access.accounts.database)  # type: ignore[union-attr]
    facts = [AuditFact(at_ns=at, what="clip", principal="user:paged") for at in (5, 4, 4, 4, 3, 2, 2, 1)]
    store.append("paged", facts)
    numbers: list[int] = []
    before: int | None = None
    while True:
        asked = {"principal": "user:paged", "limit": 2, **({} if before is None else {"before": before})}
        page = httpx.get(f"{service.url}/v1/audit", params=asked, headers=ADMIN).json()
        numbers += [entry["number"] for entry in page["entries"]]
        before = page["next"]
        if before is None:
            break
    assert sorted(numbers) == list(range(1, 9))


def test_admins_read_export_and_verify_it_and_nobody_else(service: Service) -> None:
    with httpx.Client(base_url=service.url, headers=ADMIN) as http:
        lines = http.get("/v1/audit.jsonl").text.splitlines()
        checked = http.get("/v1/audit/verification").json()
        assert verify(lines).faults == [] and len(lines) > 3
        assert checked["faults"] == [] and checked["entries"] >= len(lines)
        page = http.get("/v1/audit", params={"limit": 2}).json()
        older = http.get("/v1/audit", params={"limit": 2, "before": page["next"]}).json()
        numbers = [entry["number"] for entry in (*page["entries"], *older["entries"])]
        assert numbers == sorted(numbers, reverse=True) and len(set(numbers)) == 4
        assert http.get("/v1/audit", params={"what": "gossip"}).status_code == 422
        for key in ("operator *", "metrics *", f"admin {MINE}"):
            assert ask(http, "GET", "/v1/audit", key).status == 403
            assert ask(http, "GET", "/v1/audit.jsonl", key).status == 403
