"""/v1/service-accounts over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.auth.machines.conftest import Guarded, StartGuarded
from workers.access.principal import Grant


def call(site: Guarded, method: str, path: str, key: str | None = None, **options: Any) -> httpx.Response:
    headers = {"x-api-key": key or site.admin}
    return httpx.request(
        method, f"{site.service.url}/v1/service-accounts{path}", headers=headers, timeout=20, **options
    )


def test_from_making_to_deleting(site: Guarded) -> None:
    grants = [{"role": "operator", "streams": ["yard-*"], "actions": ["push"]}]
    made = call(site, "POST", "", json={"name": "encoder", "grants": grants})
    assert made.status_code == 201
    assert made.json()["grants"] == grants
    path = made.headers["location"].removeprefix("/v1/service-accounts")

    key = call(site, "POST", f"{path}/keys", json={"name": "roof", "days": 30})
    assert key.status_code == 201
    assert key.headers["cache-control"] == "no-store"
    assert key.json()["key"].startswith(key.json()["prefix"])
    shown = call(site, "GET", path)
    assert [one["name"] for one in shown.json()["keys"]] == ["roof"]
    assert shown.json()["keys"][0]["state"] == "active"
    assert key.json()["key"] not in shown.text

    changed = call(site, "PATCH", path, json={"name": "Encoder 2"})
    assert changed.json()["name"] == "Encoder 2"
    assert changed.json()["grants"] == grants
    assert {one["name"] for one in call(site, "GET", "").json()["service_accounts"]} == {"admin", "Encoder 2"}

    assert call(site, "DELETE", path).status_code == 204
    assert call(site, "GET", path).status_code == 404
    assert site.get("/v1/streams", key.json()["key"]).status_code == 401


def test_names_are_taken_once(site: Guarded) -> None:
    assert call(site, "POST", "", json={"name": "ADMIN"}).status_code == 409
    other = call(site, "POST", "", json={"name": "other"}).json()["id"]
    answer = call(site, "PATCH", f"/{other}", json={"name": "Admin"})
    assert answer.status_code == 409
    assert "there is a service account Admin already" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "<b>"}, "name"),
        ({"name": "a", "grants": [{"role": "root"}]}, "grants.0.role"),
        ({"name": "a", "grants": [{"role": "viewer", "streams": []}]}, "grants.0.streams"),
        ({"name": "a", "grants": [{"role": "viewer", "actions": ["fly"]}]}, "grants.0.actions"),
        ({"name": "a", "key": "x"}, "key"),
    ],
)
def test_what_is_wrong_is_named(site: Guarded, body: dict[str, Any], field: str) -> None:
    answer = call(site, "POST", "", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith(field)


def test_keys_end(start_guarded: StartGuarded) -> None:
    site = start_guarded(key_days=10, key_days_max=20)
    account = call(site, "POST", "", json={"name": "a"}).json()["id"]
    for days, status in ((20, 201), (21, 422), (0, 422)):
        assert call(site, "POST", f"/{account}/keys", json={"name": f"k{days}", "days": days}).status_code == status


def test_keys_for_ever_where_the_settings_allow_it(start_guarded: StartGuarded) -> None:
    site = start_guarded(key_days_max=None)
    account = call(site, "POST", "", json={"name": "a"}).json()["id"]
    assert call(site, "POST", f"/{account}/keys", json={"name": "k", "days": 0}).json()["expires_at"] is None


def test_an_account_has_so_many_keys(site: Guarded) -> None:
    account = call(site, "POST", "", json={"name": "a"}).json()["id"]
    statuses = [call(site, "POST", f"/{account}/keys", json={"name": f"k{n}"}).status_code for n in range(21)]
    assert statuses == [201] * 20 + [409]


def test_only_admins_come_here(site: Guarded) -> None:
    for grant, status in ((Grant("operator"), 403), (Grant("admin", ("yard",)), 403), (Grant("admin"), 200)):
        assert call(site, "GET", "", site.key(grant)).status_code == status
    assert site.get("/v1/service-accounts").status_code == 401


def test_nobody_makes_an_account_that_may_do_more_than_they(site: Guarded) -> None:
    limited = site.key(Grant("admin", actions=frozenset({"accounts"})), Grant("viewer", ("yard",)))
    for grant, status in (
        ({"role": "viewer", "streams": ["yard"]}, 201),
        ({"role": "viewer", "streams": ["*"]}, 403),
        ({"role": "admin"}, 403),
        ({"role": "admin", "actions": ["accounts"]}, 201),
    ):
        name = f"made {grant}".translate(str.maketrans("", "", "{}':,[]*"))
        answer = call(site, "POST", "", limited, json={"name": name, "grants": [grant]})
        assert answer.status_code == status, (grant, answer.text)


def test_nobody_manages_an_account_that_may_do_more_than_they(site: Guarded) -> None:
    limited = site.key(Grant("admin", actions=frozenset({"accounts"})), Grant("viewer", ("yard-*",)))
    lesser = call(site, "POST", "", json={"name": "lesser", "grants": [{"role": "viewer", "streams": ["yard-1"]}]})
    accounts = {one["name"]: one for one in call(site, "GET", "").json()["service_accounts"]}
    of_admin = accounts["admin"]["keys"][0]["id"]
    made = call(site, "POST", f"/{lesser.json()['id']}/keys", limited, json={"name": "first"})
    assert made.status_code == 201, "it may do no more than they"
    for name, key, statuses in (("admin", of_admin, (403, 403)), ("lesser", made.json()["id"], (200, 204))):
        path = f"/{accounts[name]['id']}"
        for body in ({"disabled": True}, {"name": f"{name} 2"}, {"grants": []}):
            answer = call(site, "PATCH", path, limited, json=body)
            assert answer.status_code == statuses[0], (name, body, answer.text)
        assert call(site, "DELETE", f"{path}/keys/{key}", limited).status_code == statuses[1]
        assert call(site, "DELETE", path, limited).status_code == statuses[1]
        if name == "admin":
            assert call(site, "POST", f"{path}/keys", limited, json={"name": "mine"}).status_code == 403
    assert call(site, "GET", "").json()["service_accounts"][0]["name"] != "lesser"


def test_unknown_ones(site: Guarded) -> None:
    for method, path in (
        ("GET", "/x"),
        ("PATCH", "/x"),
        ("DELETE", "/x"),
        ("POST", "/x/keys"),
        ("DELETE", "/x/keys/y"),
    ):
        body = {"json": {"name": "n"}} if method in ("PATCH", "POST") else {}
        answer = call(site, method, path, **body)
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:livesight:problem:account-unknown"
