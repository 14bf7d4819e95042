"""Limits: who is counted how, what 429 says, that the wait it names is true, and that memory is bounded."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import event

from api.auth.machines.api_key import new_key
from api.auth.machines.bounded_storage import BoundedStorage
from api.auth.machines.limit_settings import LIMITS, RateLimitSettings, ServiceLimits, rate_of
from api.auth.machines.rate_limits import COUNTED, RateLimits, address_of, counted_as
from api.auth.people.session_reader import PLAIN_COOKIE
from api.documents.route_table import declared_routes
from api.http.errors import Problem
from tests.api.auth.machines.conftest import Guarded, StartGuarded
from workers.access.declaration import FORWARDED_BY
from workers.access.principal import ANONYMOUS, LOCAL_ADMIN, Grant, Principal

ANNA, BERT = Principal("user:anna", "user"), Principal("user:bert", "user")
NVR = Principal("service:nvr", "service")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.25

    def __call__(self) -> float:
        return self.now_s


def scope(path: str = "/v1/predict", method: str = "POST", client: str = "192.0.2.1", **more: Any) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "client": (client, 5000), **more}


def refused(limits: RateLimits, principal: Principal, **at: Any) -> Problem | None:
    try:
        limits.count(scope(**at), principal)
    except Problem as problem:
        return problem
    return None


def test_one_too_many_waits_as_long_as_it_is_told() -> None:
    clock = Clock()
    limits = RateLimits(RateLimitSettings(predict="3/minute"), clock)
    for left in (2, 1, 0):
        spent = limits.count(scope(), ANNA)
        assert spent is not None
        assert (spent.limit, spent.remaining) == (3, left)
        clock.now_s += 10
    problem = refused(limits, ANNA)
    assert problem is not None and problem.headers is not None
    assert problem.status_code == 429
    assert problem.kind == "rate-limited"
    assert problem.headers["retry-after"] == "30"
    assert problem.headers["ratelimit-remaining"] == "0"
    clock.now_s += 29.9
    assert refused(limits, ANNA)
    clock.now_s += 0.1
    assert not refused(limits, ANNA)


def test_whoever_goes_on_asking_does_not_wait_longer() -> None:
    clock = Clock()
    limits = RateLimits(RateLimitSettings(explain="1/10 seconds"), clock)
    assert not refused(limits, ANNA, path="/v1/predict/explain")
    for _ in range(9):
        clock.now_s += 1
        assert refused(limits, ANNA, path="/v1/predict/explain")
    clock.now_s += 1
    assert not refused(limits, ANNA, path="/v1/predict/explain")


def test_everybody_is_counted_alone() -> None:
    limits = RateLimits(RateLimitSettings(predict="1/minute"), Clock())
    assert not refused(limits, ANNA)
    assert not refused(limits, BERT)
    assert refused(limits, ANNA)
    assert not refused(limits, ANNA, path="/v1/predict/batch")
    assert refused(limits, ANNA, client="198.51.100.7"), "another address changes nothing"


def test_an_address_has_a_limit_for_all_its_people() -> None:
    limits = RateLimits(RateLimitSettings(predict="2/minute", address_times=3), Clock())
    people = [Principal(f"user:{number}", "user") for number in range(4)]
    results = [refused(limits, one) for one in people for _ in range(2)]
    assert [one is None for one in results] == [True] * 6 + [False] * 2
    assert not refused(limits, Principal("user:9", "user"), client="198.51.100.7")


def test_services_have_limits_of_their_own() -> None:
    free = RateLimits(RateLimitSettings(predict="1/minute"), Clock())
    assert not any(refused(free, NVR) for _ in range(500))
    held = RateLimits(RateLimitSettings(services=ServiceLimits(predict="2/minute")), Clock())
    assert [refused(held, NVR) is None for _ in range(3)] == [True, True, False]


def test_signing_in_is_counted_by_address() -> None:
    limits = RateLimits(RateLimitSettings(), Clock())
    assert [refused(limits, ANONYMOUS, path="/v1/login") is None for _ in range(6)] == [True] * 5 + [False]
    assert not refused(limits, ANONYMOUS, path="/v1/login", client="192.0.2.2")
    assert not refused(limits, ANONYMOUS, path="/v1/streams", method="GET")


def test_nobody_in_particular_is_counted_by_address() -> None:
    limits = RateLimits(RateLimitSettings(anonymous="2/minute"), Clock())
    results = [refused(limits, ANONYMOUS, path="/", method="GET") for _ in range(3)]
    assert [one is None for one in results] == [True, True, False]
    assert not refused(limits, ANONYMOUS, path="/healthz", method="GET"), "probes are answered"
    assert not refused(limits, ANNA, path="/", method="GET")


@pytest.mark.parametrize("principal", [LOCAL_ADMIN, Principal("process:node-1", "process")])
def test_these_are_not_counted(principal: Principal) -> None:
    limits = RateLimits(RateLimitSettings(predict="1/minute"), Clock())
    assert not any(refused(limits, principal) for _ in range(5))


def test_what_was_forwarded_was_counted_already() -> None:
    limits = RateLimits(RateLimitSettings(predict="1/minute"), Clock())
    forwarded = scope(**{FORWARDED_BY: "api-1"})
    assert all(limits.count(forwarded, ANNA) is None for _ in range(5))


def test_addresses_of_one_customer_are_one() -> None:
    def address(client: str) -> str:
        return address_of(scope(client=client))

    assert address("2001:db8:0:1::5") == address("2001:db8:0:1:ffff::9") != address("2001:db8:0:2::5")
    assert address("::ffff:192.0.2.1") == "192.0.2.1"
    assert address("fe80::1%eth0") == "fe80::/64"
    assert address_of({**scope(), "client": None}) == "unknown"


def test_memory_is_bounded_under_many_addresses() -> None:
    clock = Clock()
    storage = BoundedStorage(1000, clock)
    for number in range(20_000):
        storage.incr(f"address {number}", 60)
        assert len(storage) <= 1000
    assert storage.get("address 19999") == 1
    clock.now_s += 61
    storage.incr("address x", 60)
    assert storage.get("address 19999") == 0


def test_a_crowd_of_addresses_resets_no_person() -> None:
    limits = RateLimits(RateLimitSettings(predict="1/minute"), Clock())
    assert not refused(limits, ANNA)
    for number in range(30_000):
        refused(
            limits, ANONYMOUS, path="/", method="GET", client=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        )
    assert len(limits.by_address) <= 20_000
    assert refused(limits, ANNA)


@pytest.mark.parametrize("text", ["30/minute", "1/second", "5/10 seconds", "100/day", "7/2hours", "unlimited"])
def test_good_limits(text: str) -> None:
    rate = rate_of(RateLimitSettings(predict=text).predict)
    assert (rate is None) == (text == "unlimited")


@pytest.mark.parametrize("text", ["", "30", "0/minute", "-1/minute", "30/fortnight", "3/minute;5/hour", "1e3/minute"])
def test_bad_limits(text: str) -> None:
    with pytest.raises(ValidationError, match="such as 30/minute"):
        RateLimitSettings(predict=text)


def test_the_table_names_routes_that_there_are(site: Guarded) -> None:
    """A route that is renamed takes its limit along, or this fails. Passwords are there with people only."""
    paths = {route.path.replace("{stream_id}", "a") for route in declared_routes(site.service.server.config.app)}  # type: ignore[arg-type]
    for name, _, pattern in COUNTED:
        for path in pattern.pattern.replace("[^/]+", "a").split("|"):
            assert path in paths or name == "login", f"{name}: there is no {path}"
    assert {name for name, _, _ in COUNTED} == set(LIMITS)
    assert counted_as({"type": "websocket", "path": "/v1/streams/a/frames"}) == "push"


def test_over_http(start_guarded: StartGuarded) -> None:
    services = {"predict": "2/minute", "camera_test": "1/minute"}
    site = start_guarded(limits=RateLimitSettings(services=ServiceLimits(**services), anonymous="4/minute"))
    key = site.key(Grant("viewer"))
    answers = [site.post("/v1/predict", key, content=b"no image") for _ in range(3)]
    assert [one.status_code for one in answers] == [422, 422, 429]
    assert answers[0].headers["ratelimit-remaining"] == "1"
    assert answers[2].headers["content-type"] == "application/problem+json"
    assert answers[2].json()["type"] == "urn:livesight:problem:rate-limited"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    assert "ratelimit-limit" not in site.get("/v1/streams", key).headers

    wrong = [site.get("/v1/streams", "x" * 40).status_code for _ in range(6)]
    assert wrong == [401] * 4 + [429] * 2
    assert site.get("/v1/streams", key).status_code == 200, "the address is refused to nobody else"

    asked: list[str] = []
    event.listen(site.database.engine, "before_cursor_execute", lambda *about: asked.append(about[2]))
    for path in ("/v1/streams", "/healthz"):
        assert site.get(path, new_key().text).status_code == 429
        assert site.get(path, cookies={PLAIN_COOKIE: new_key().text}).status_code == 429
    assert [statement for statement in asked if statement.startswith("SELECT")] == [], (
        "guesses cost the database nothing"
    )
    assert site.get("/healthz").status_code == 200
