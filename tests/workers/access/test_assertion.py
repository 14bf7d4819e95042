"""Assertions between processes: what holds, and all that does not."""

from __future__ import annotations

import base64
import json

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from workers.access.assertion import HEADER, LIFE_S, SKEW_S, Assertions, narrowed, process_principal
from workers.access.cluster_keys import ClusterKeys
from workers.access.principal import Grant, Principal
from workers.errors import Unauthenticated

OLD, NEW = "old-secret-0123456789-0123456789-abc", "new-secret-0123456789-0123456789-abc"
ANNA = Principal(
    "user:1",
    "user",
    (Grant("viewer", ("cam*", "door")), Grant("operator", ("door",), frozenset({"push", "zones"}))),
    "session:7",
    2_000_000_000.0,
    "Anna Müller",
)


class Clock:
    """Seconds since 1970, as the test wants them."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """Shared by both sides, unless the test moves it between them."""
    return Clock()


@pytest.fixture
def api(clock: Clock) -> Assertions:
    """Who writes."""
    return Assertions(ClusterKeys([OLD]), "api-1", clock)


@pytest.fixture
def node(clock: Clock) -> Assertions:
    """Who reads."""
    return Assertions(ClusterKeys([OLD]), "node-1", clock)


def written(api: Assertions, principal: Principal = ANNA) -> str:
    """The assertion for one request."""
    return api.headers(principal, "node-1", "GET", "/v1/streams/door/snapshot.jpg?overlay=1")[HEADER]


def read(node: Assertions, token: str, method: str = "GET", query: str = "overlay=1") -> Principal:
    """Who it says makes that request."""
    return node.read(token, method, f"/v1/streams/door/snapshot.jpg?{query}").principal


def test_the_principal_arrives_with_exactly_its_grants(api: Assertions, node: Assertions) -> None:
    found = node.read(written(api), "GET", "/v1/streams/door/snapshot.jpg?overlay=1")
    assert found.principal == ANNA
    assert found.principal.display_name == "Anna Müller"
    assert found.process == "api-1"


def test_each_counts_once(api: Assertions, node: Assertions) -> None:
    token = written(api)
    read(node, token)
    with pytest.raises(Unauthenticated, match="was used before"):
        read(node, token)


def test_one_is_for_one_request(api: Assertions, node: Assertions) -> None:
    with pytest.raises(Unauthenticated, match="another request"):
        read(node, written(api), method="DELETE")
    with pytest.raises(Unauthenticated, match="another request"):
        read(node, written(api), query="overlay=0")


def test_one_is_for_one_process(api: Assertions, clock: Clock) -> None:
    other = Assertions(ClusterKeys([OLD]), "node-2", clock)
    with pytest.raises(Unauthenticated, match="it is for node-1, and this is node-2"):
        read(other, written(api))


@pytest.mark.parametrize(("apart_s", "holds"), [(LIFE_S + SKEW_S - 1, True), (LIFE_S + SKEW_S, False)])
def test_one_is_worth_thirty_seconds_at_most(
    api: Assertions, node: Assertions, clock: Clock, apart_s: float, holds: bool
) -> None:
    token = written(api)
    clock.now_s += apart_s
    if holds:
        assert read(node, token) == ANNA
    else:
        with pytest.raises(Unauthenticated, match="30 s ago; compare the clocks"):
            read(node, token)


def test_clocks_may_differ_but_not_by_much(api: Assertions, node: Assertions, clock: Clock) -> None:
    clock.now_s += SKEW_S
    early, clock.now_s = written(api), clock.now_s - SKEW_S
    assert read(node, early) == ANNA
    clock.now_s += SKEW_S + 1
    too_early, clock.now_s = written(api), clock.now_s - SKEW_S - 1
    with pytest.raises(Unauthenticated, match="in the future"):
        read(node, too_early)


def test_an_expired_session_is_not_prolonged(api: Assertions, node: Assertions, clock: Clock) -> None:
    ending = Principal("user:2", "user", ANNA.grants, "session:8", clock.now_s + 5)
    token = written(api, ending)
    clock.now_s += 5
    with pytest.raises(Unauthenticated, match="has expired"):
        read(node, token)


def test_what_is_not_signed_with_the_secret_is_refused(api: Assertions, node: Assertions, clock: Clock) -> None:
    stranger = Assertions(ClusterKeys([NEW]), "api-1", clock)
    head, body, signature = written(api).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["grants"] = [["admin", ["*"], None]]
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for token in (
        written(stranger),
        f"{head}.{forged}.{signature}",
        f"{unsigned}.{forged}.",
        f"{head}.{body}.",
        "",
        "a.b.c",
        "…",
        "x" * 100_000,
    ):
        with pytest.raises(Unauthenticated, match="not signed with"):
            read(node, token)


def test_a_secret_is_exchanged_without_a_gap(api: Assertions, clock: Clock) -> None:
    node = Assertions(ClusterKeys([NEW, OLD]), "node-1", clock)
    assert read(node, written(api)) == ANNA
    renewed = Assertions(ClusterKeys([NEW]), "api-1", clock)
    assert read(node, written(renewed)) == ANNA
    over = Assertions(ClusterKeys([NEW]), "node-1", clock)
    with pytest.raises(Unauthenticated):
        read(over, written(api))


def test_a_later_version_is_refused(node: Assertions) -> None:
    key = OctKey.import_key(ClusterKeys([OLD]).signing("assertion/1"))
    token = jwt.encode({"alg": "HS256"}, {"v": 2, "iss": "api-1", "aud": "node-1"}, key)
    with pytest.raises(Unauthenticated, match="another version"):
        read(node, token)


def test_what_was_used_is_forgotten_once_it_is_too_old(api: Assertions, node: Assertions, clock: Clock) -> None:
    for _ in range(50):
        read(node, written(api))
        clock.now_s += 5
    assert len(node._seen) <= (LIFE_S + SKEW_S) / 5 + 1


def test_only_the_grants_of_a_stream_go_with_a_request_about_it() -> None:
    many = Principal("user:3", "user", tuple(Grant("viewer", (f"cam{n}", "door")) for n in range(100)), "k")
    about = narrowed(many, "cam7")
    assert about.grants == (Grant("viewer", ("cam7",)),)
    assert (about.id, about.credential) == ("user:3", "k")
    everything = Principal("user:4", "user", (Grant("admin"), Grant("viewer", ("door*",))))
    assert narrowed(everything, "door1").grants == everything.grants
    assert narrowed(everything, "cam7").grants == (Grant("admin"),)


def test_a_process_speaks_for_itself() -> None:
    asking = process_principal("monitor-1", Grant("viewer", ("door",), frozenset({"pictures"})))
    assert (asking.id, asking.kind) == ("process:monitor-1", "process")
    assert asking.may("pictures", "door")
    assert not asking.may("events", "door")
    assert not asking.may("pictures", "cam1")


@pytest.mark.parametrize("secret", ["short", "a" * 64, "ab" * 40])
def test_a_secret_that_can_be_guessed_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="openssl rand -base64 48") as refused:
        ClusterKeys([secret])
    assert secret not in str(refused.value)


def test_each_purpose_has_a_key_of_its_own() -> None:
    keys = ClusterKeys([OLD, NEW])
    assert keys.signing("assertion/1") != keys.signing("record/1")
    assert keys.accepted("record/1") == (keys.signing("record/1"), ClusterKeys([NEW]).signing("record/1"))
