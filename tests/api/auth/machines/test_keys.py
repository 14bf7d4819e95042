"""Requests with keys: good, wrong, expired, revoked, of disabled accounts, of other streams."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable

import httpx
import pytest
import structlog
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from api.auth.machines import service_accounts as store
from api.auth.machines.api_key import _checksum, new_key
from tests.api.auth.machines.conftest import Guarded, StartGuarded
from workers.access.principal import Grant


def soon(found: Callable[[], bool], timeout_s: float = 20) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not found():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.1)
    return True


def test_a_key_is_taken_from_either_header(site: Guarded) -> None:
    key = site.key(Grant("viewer"))
    assert site.get("/v1/streams", key).status_code == 200
    for scheme in ("Bearer", "bearer"):
        answer = httpx.get(f"{site.service.url}/v1/streams", headers={"authorization": f"{scheme} {key}"})
        assert answer.status_code == 200
    both = {"x-api-key": key, "authorization": f"Bearer {key}"}
    assert httpx.get(f"{site.service.url}/v1/streams", headers=both).status_code == 200


def test_two_keys_are_refused(site: Guarded) -> None:
    both = {"x-api-key": site.key(Grant("viewer")), "authorization": f"Bearer {site.admin}"}
    answer = httpx.get(f"{site.service.url}/v1/streams", headers=both)
    assert answer.status_code == 401
    assert "two different keys" in answer.json()["detail"]


def test_without_a_key_nobody_comes_in(site: Guarded) -> None:
    answer = site.get("/v1/streams")
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:livesight:problem:unauthenticated"
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "wrong",
    [new_key().text, "ls_", "x" * 40, "x" * 5000, "ls_000000000000_" + "0" * 49],
    ids=["of nobody", "cut short", "other form", "endless", "wrong checksum"],
)
def test_a_wrong_key_is_refused(site: Guarded, wrong: str) -> None:
    answer = site.get("/v1/streams", wrong)
    assert answer.status_code == 401
    assert wrong not in answer.text


def test_another_secret_for_a_known_id_is_refused(site: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where its checksum is right; and the comparison takes the same time whatever is wrong."""
    compared = []
    genuine = hmac.compare_digest

    def noted(one: bytes, other: bytes) -> bool:
        compared.append((bytes(one) if isinstance(one, bytes) else one, other))
        return genuine(one, other)

    monkeypatch.setattr("api.auth.machines.api_key.hmac.compare_digest", noted)
    known, other = site.admin, new_key()
    forged = store.NewKey(known[3:15], "", "")
    secret = other.text[16:59]
    text = f"ls_{forged.id}_{secret}{_checksum(forged.id + secret)}"
    assert site.get("/v1/streams", text).status_code == 401
    assert any(str(one).startswith("b'sha256:") for one, _ in compared)


def test_an_expired_key_is_refused(site: Guarded) -> None:
    key = site.key(Grant("admin"), ends_ns=time.time_ns() - 1)
    answer = site.get("/v1/streams", key)
    assert answer.status_code == 401
    assert "expired" in answer.json()["detail"]


def test_a_key_works_until_it_expires(site: Guarded) -> None:
    """Also while it is remembered."""
    key = site.key(Grant("admin"), ends_ns=time.time_ns() + 1_500_000_000)
    assert site.get("/v1/streams", key).status_code == 200
    assert soon(lambda: site.get("/v1/streams", key).status_code == 401, 4)


def test_a_revoked_key_is_refused_at_once(site: Guarded) -> None:
    account = site.post("/v1/service-accounts", site.admin, json={"name": "nvr", "grants": [{"role": "viewer"}]}).json()
    first, second = (
        site.post(f"/v1/service-accounts/{account['id']}/keys", site.admin, json={"name": name}).json()
        for name in ("old", "new")
    )
    assert site.get("/v1/streams", first["key"]).status_code == 200
    revoked = httpx.delete(
        f"{site.service.url}/v1/service-accounts/{account['id']}/keys/{first['id']}", headers={"x-api-key": site.admin}
    )
    assert revoked.status_code == 204
    assert site.get("/v1/streams", first["key"]).status_code == 401
    assert site.get("/v1/streams", second["key"]).status_code == 200


def test_a_key_revoked_elsewhere_is_refused_within_seconds(site: Guarded) -> None:
    key = site.key(Grant("viewer"))
    assert site.get("/v1/streams", key).status_code == 200
    store.revoke_key(site.database, key[3:15])
    began_s = time.monotonic()
    assert soon(lambda: site.get("/v1/streams", key).status_code == 401)
    assert time.monotonic() - began_s < 15


def test_keys_of_a_disabled_account_are_refused(site: Guarded) -> None:
    key = site.key(Grant("viewer"), name="grafana")
    assert site.get("/v1/streams", key).status_code == 200
    account = store.account_named(site.database, "Grafana")
    for disabled, status in ((True, 401), (False, 200)):
        changed = httpx.patch(
            f"{site.service.url}/v1/service-accounts/{account.id}",
            headers={"x-api-key": site.admin},
            json={"disabled": disabled},
        )
        assert changed.json()["disabled"] is disabled
        assert site.get("/v1/streams", key).status_code == status


def test_a_key_does_what_its_grants_say(site: Guarded) -> None:
    key = site.key(Grant("viewer", ("yard-*",), frozenset({"results"})))
    assert site.get("/v1/streams", key).status_code == 200
    assert site.get("/v1/streams/hall", key).status_code == 404
    assert site.get("/v1/streams/yard-1/snapshot.jpg", key).status_code == 403
    assert site.post("/v1/streams", key, json={"id": "yard-2", "url": "rtsp://h/x"}).status_code == 403


def test_sockets_take_keys(site: Guarded) -> None:
    url = f"{site.service.ws}/v1/detections"
    with connect(url, additional_headers={"authorization": f"Bearer {site.key(Grant('viewer'))}"}):
        pass
    with pytest.raises(InvalidStatus) as refused, connect(url, additional_headers={"x-api-key": new_key().text}):
        pass
    assert refused.value.response.status_code == 401


def test_the_last_use_is_noted_and_rarely(site: Guarded) -> None:
    key = site.key(Grant("viewer"), name="reader")

    def used_ns() -> int | None:
        return store.account_named(site.database, "reader").keys[0].used_ns

    assert used_ns() is None
    site.get("/v1/streams", key)
    assert soon(lambda: used_ns() is not None)
    first = used_ns()
    for _ in range(20):
        site.get("/v1/streams", key)
    assert used_ns() == first


def test_keys_are_never_logged(site: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    revoked, wrong = site.key(Grant("viewer")), new_key().text
    texts = []
    with structlog.testing.capture_logs() as logs:
        for key in (revoked, wrong, site.admin):
            for path in ("/v1/streams", "/v1/streams/no", "/v1/nowhere", "/v1/snapshots/1?sig=a", "/metrics"):
                texts.append(site.get(path, key).text)
            texts.append(site.post("/v1/service-accounts", key, json={"name": key * 3, "grants": key}).text)
        store.revoke_key(site.database, revoked[3:15])
        site.get("/v1/streams", revoked)
    for key in (revoked, wrong, site.admin):
        secret = key[16:]
        assert secret not in str(logs)
        ours = [one.getMessage() for one in caplog.records if not one.name.startswith(("httpx", "httpcore"))]
        assert all(secret not in text for text in ours)
        assert all(secret not in text for text in texts)


def test_what_is_stored_is_no_key(start_guarded: StartGuarded) -> None:
    site = start_guarded()
    key = site.key(Grant("viewer"))
    with site.database.read() as connection:
        dump = "".join(connection.connection.iterdump())  # type: ignore[attr-defined]
    assert key[:15] in dump
    assert key[16:] not in dump
