"""Links without headers: what they open, what they do not, and when they end."""

from __future__ import annotations

import logging
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from api.auth.access_control import AccessControl
from api.auth.machines import service_accounts as store
from api.auth.machines.link_reader import ALERTS, LINK, LinkReader, issuer_of
from api.auth.machines.link_secret import link_secret
from api.auth.machines.machines import Machines
from api.auth.machines.signed_links import Issuer, LinkRefused, LinkSigner, link_target
from api.auth.machines.signed_redirects import SignedRedirects
from api.auth.settings import AuthSettings
from monitoring.alerts.targets.notice import alert_links
from tests.api.auth.machines.conftest import Guarded, StartGuarded
from tests.api.auth.machines.test_keys import soon
from tests.api.push_client import encoded
from workers.access.cluster_keys import ClusterKeys
from workers.access.principal import Grant, Principal
from workers.errors import SettingsError, Unauthenticated

SIGNER = LinkSigner(b"x" * 32)
ANNA = Issuer("user:anna", "")


def signed(site: Guarded, path: str, key: str, **more: Any) -> str:
    answer = site.post("/v1/links", key, json={"path": path, **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"])


def tampered(url: str) -> list[str]:
    """The same link, changed in many ways."""
    path, _, query = url.partition("?")
    head, _, signature = query.rpartition("&sig=")
    first = "A" if signature[0] != "A" else "B"
    ends = int(head.split("exp=")[1].split("&")[0])
    return [
        url.replace("yard", "hall"),
        url.replace("snapshot.jpg", "mjpeg"),
        f"{path}?{head}&sig={first}{signature[1:]}",
        f"{path}?{head}&sig=",
        f"{path}?sig={signature}",
        f"{path}?{query.replace(str(ends), str(ends + 1))}",
        f"{path}?{query.replace('by=', 'by=x')}",
        f"{path}?width=64&{query}",
        f"{path}?{query}&overlay=1",
        f"{path}?overlay=1&{query}",
        f"{path}?{query}&{query}",
        f"/v1/streams?{query}",
        f"/v1/streams/yard?{query}",
        f"/v1/service-accounts?{query}",
    ]


@pytest.fixture
def pushed(site: Guarded) -> Any:
    """The stream `yard`, of which there is a picture."""
    headers = {"x-api-key": site.admin}
    with connect(f"{site.service.ws}/v1/streams/yard/frames?models=number", additional_headers=headers) as socket:
        socket.send(encoded(7))
        socket.recv(20)
        yield site


def test_a_link_opens_what_it_is_for(pushed: Guarded) -> None:
    url = signed(pushed, "/v1/streams/yard/snapshot.jpg?overlay=0&width=64", pushed.key(Grant("viewer", ("yard",))))
    answer = pushed.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert pushed.get(f"{url}&t=1764000000").status_code == 200, "players add it against caches"


def test_a_link_opens_nothing_else(pushed: Guarded) -> None:
    url = signed(pushed, "/v1/streams/yard/snapshot.jpg", pushed.admin)
    assert pushed.get(url).status_code == 200
    for other in tampered(url):
        answer = pushed.get(other)
        assert answer.status_code == 401, other
        assert url.rpartition("sig=")[2] not in answer.text
    assert httpx.head(pushed.service.url + url).status_code == 401
    for method in ("POST", "PATCH", "DELETE"):
        assert httpx.request(method, pushed.service.url + url).status_code == 401


def test_a_link_goes_before_a_key(pushed: Guarded) -> None:
    """A wrong link is refused, whatever else came with it."""
    url = signed(pushed, "/v1/streams/yard/snapshot.jpg", pushed.admin)
    assert pushed.get(tampered(url)[2], pushed.admin).status_code == 401


def test_sockets_open_by_links(pushed: Guarded) -> None:
    key = pushed.key(Grant("viewer", ("yard",)))
    for what in ("video", "detections"):
        url = pushed.service.ws + signed(pushed, f"/v1/streams/yard/{what}", key)
        with connect(url):
            pass
        with pytest.raises(InvalidStatus) as refused, connect(url.replace("yard", "hall")):
            pass
        assert refused.value.response.status_code == 401
        assert httpx.get(url.replace("ws:", "http:")).status_code == 401


def test_links_are_signed_for_some_things_only(site: Guarded) -> None:
    for path in (
        "/v1/streams",
        "/v1/streams/yard",
        "/v1/streams/yard/frames",
        "/v1/streams/yard/whip",
        "/v1/streams/yard/video?x=1",
        "/v1/streams/yard/snapshot.jpg?overlay=1&overlay=0",
        "/v1/streams/yard/snapshot.jpg?exp=1",
        "/v1/streams/../yard/video",
        "/v1/snapshots/1?x=2",
        "/v1/snapshots/0",
        "https://example.org/v1/snapshots/1",
        "//example.org/v1/snapshots/1",
    ):
        answer = site.post("/v1/links", site.admin, json={"path": path})
        assert answer.status_code == 422, path
        assert "links can be signed for" in answer.json()["detail"]


def test_nobody_signs_more_than_they_may_see(site: Guarded) -> None:
    results = site.key(Grant("viewer", ("yard",), frozenset({"results"})))
    wanted = [
        (None, "/v1/streams/yard/video", 401),
        (results, "/v1/streams/yard/video", 403),
        (results, "/v1/streams/hall/detections", 404),
        (results, "/v1/streams/yard/detections", 201),
        (results, "/v1/snapshots/5", 403),
    ]
    for key, path, status in wanted:
        assert site.post("/v1/links", key, json={"path": path}).status_code == status, path


def test_a_link_signs_no_links(site: Guarded) -> None:
    url = signed(site, "/v1/snapshots/5", site.admin)
    answer = site.post(f"/v1/links?{url.partition('?')[2]}", json={"path": "/v1/snapshots/6"})
    assert answer.status_code == 401


def test_how_long_a_link_works(start_guarded: StartGuarded) -> None:
    site = start_guarded(link_s=60, link_max_s=120)
    for wish, seconds in (({}, 60), ({"expires_s": 100}, 100)):
        url = signed(site, "/v1/snapshots/5", site.admin, **wish)
        assert int(url.split("exp=")[1].split("&")[0]) - time.time() == pytest.approx(seconds, abs=15)
    answer = site.post("/v1/links", site.admin, json={"path": "/v1/snapshots/5", "expires_s": 121})
    assert answer.status_code == 422
    assert "auth.link_max_s" in answer.json()["detail"]
    soon_over = site.key(Grant("viewer"), ends_ns=time.time_ns() + 30_000_000_000)
    url = signed(site, "/v1/snapshots/5", soon_over)
    assert int(url.split("exp=")[1].split("&")[0]) <= time.time() + 31, "not longer than the key that made it"


def test_an_expired_link_is_refused(pushed: Guarded) -> None:
    target = link_target("/v1/streams/yard/snapshot.jpg")
    signer = pushed.access.machines.signer
    for ends_s, status in ((time.time() + 60, 200), (time.time() - 1, 401)):
        answer = pushed.get(signer.sign(target, int(ends_s), ALERTS))
        assert answer.status_code == status
    assert "expired" in answer.json()["detail"]


def test_a_link_of_another_secret_is_refused(site: Guarded) -> None:
    url = SIGNER.sign(link_target("/v1/streams/yard/snapshot.jpg"), int(time.time()) + 60, ALERTS)
    assert site.get(url).status_code == 401


def test_a_link_ends_with_the_key_that_made_it(pushed: Guarded) -> None:
    key = pushed.key(Grant("viewer"), name="page")
    url = signed(pushed, "/v1/streams/yard/snapshot.jpg", key)
    assert pushed.get(url).status_code == 200
    store.revoke_key(pushed.database, key[3:15])
    assert soon(lambda: pushed.get(url).status_code == 401)


@pytest.mark.parametrize(
    "change", [{"disabled": True}, {"grants": []}, {"grants": [{"role": "viewer", "streams": ["x"]}]}]
)
def test_a_link_ends_when_its_issuer_may_not_see_this_any_more(pushed: Guarded, change: dict[str, Any]) -> None:
    key = pushed.key(Grant("viewer", ("yard", "hall")), name="page")
    url = signed(pushed, "/v1/streams/yard/snapshot.jpg", key)
    assert pushed.get(url).status_code == 200
    account = store.account_named(pushed.database, "page")
    headers = {"x-api-key": pushed.admin}
    path = f"{pushed.service.url}/v1/service-accounts/{account.id}"
    assert httpx.patch(path, headers=headers, json=change).status_code == 200
    answer = pushed.get(url)
    assert answer.status_code == 401
    assert "may not see this now" in answer.json()["detail"]


async def test_a_link_of_a_person_ends_with_the_account() -> None:
    """And not with a session: people hand links on."""
    anna = Principal("user:anna", "user", (Grant("viewer", ("yard",)),), "session:1", expires_at_s=1.0)

    class People:
        known: Principal | None = anna

        async def current(self, issuer: Issuer) -> Principal | None:
            return self.known if issuer == Issuer("user:anna", "") else None

        async def all_current(self, issuers: Sequence[Issuer]) -> dict[Issuer, Principal]:
            return {one: found for one in issuers if (found := await self.current(one)) is not None}

    people = People()
    reader = LinkReader(SIGNER, [people])

    async def read(path: str, issuer: Issuer) -> Principal | None:
        query = SIGNER.sign(link_target(path), int(time.time()) + 100, issuer).partition("?")[2].encode()
        scope = {"type": "http", "method": "GET", "path": path, "query_string": query, "headers": []}
        return await reader.read(HTTPConnection(scope))

    assert issuer_of(anna) == Issuer("user:anna", "")
    found = await read("/v1/streams/yard/mjpeg", issuer_of(anna))
    assert found is not None
    assert found.grants == (Grant("viewer", ("yard",), frozenset({"pictures"})),)
    assert await reader.revalidate([found]) == [found]
    for path, issuer in (("/v1/streams/hall/mjpeg", ANNA), ("/v1/streams/yard/mjpeg", Issuer("user:bert", ""))):
        with pytest.raises(Unauthenticated):
            await read(path, issuer)
    people.known = None
    assert await reader.revalidate([found]) == [None]
    with pytest.raises(Unauthenticated):
        await read("/v1/streams/yard/mjpeg", ANNA)


async def test_live_connections_learn_of_revoked_keys_and_links(pushed: Guarded) -> None:
    """`revalidate` says again what `read` said, until it ends."""
    key = pushed.key(Grant("viewer", ("yard",)))
    machines = Machines(AuthSettings(mode="accounts"), pushed.access.state_dir, pushed.access.accounts)
    for reader, headers, path, query in (
        (machines.keys, [(b"x-api-key", key.encode())], "/v1/streams/yard/video", ""),
        (machines.links, [], *signed(pushed, "/v1/streams/yard/video", key).split("?", 1)),
    ):
        scope = {"type": "websocket", "path": path, "query_string": query.encode(), "headers": headers}
        found = await reader.read(HTTPConnection(scope))
        assert found is not None
        assert reader.handles(found)
        assert await reader.revalidate([found]) == [found]
        assert not (machines.keys if reader is machines.links else machines.links).handles(found)
    store.revoke_key(pushed.database, key[3:15])
    machines.changed()
    assert await reader.revalidate([found]) == [None]
    gone = Principal("x", "service", credential=f"key:{key[3:15]}")
    assert await machines.keys.revalidate([gone]) == [None]


def test_links_in_messages_about_alerts(site: Guarded) -> None:
    """They open for whoever has the message, and are the same at every try."""
    sign, at_ns = site.access.machines.alert_link, time.time_ns()
    assert sign is not None
    number = "0190a5b4-0000-7000-8000-000000000000"
    links = alert_links(number, "gate", "https://cams.example", lambda path: sign(path, at_ns))
    assert links == alert_links(number, "gate", "https://cams.example", lambda path: sign(path, at_ns))
    for name in ("picture", "clip"):
        path, _, query = links[name].removeprefix("https://cams.example").partition("?")
        found = site.access.machines.signer.check(path, query)
        assert path == f"/v1/alerts/{number}/{name}"
        assert found is not None
        assert found.target.query == ("overlay=1" if name == "picture" else "")
        assert found.issuer == ALERTS
        assert found.expires_s == at_ns // 1_000_000_000 + 86400
    assert "sig=" not in links["alert"] + links["live"]
    assert "sig=" not in str(alert_links(number, "gate", None, lambda path: sign(path, at_ns)))


@pytest.mark.parametrize(
    ("roles", "settings", "signs"),
    [
        (("api",), {}, True),
        (("api",), {"alert_links": False}, False),
        (("monitor",), {}, False),
        (("monitor",), {"link_secret": SecretStr("s" * 40)}, True),
    ],
)
def test_who_signs_for_alerts(tmp_path: Path, roles: tuple[str, ...], settings: dict[str, Any], signs: bool) -> None:
    """A monitor apart from the api does so with a secret that both have."""
    access = AccessControl(AuthSettings(mode="accounts", **settings), tmp_path, roles)
    assert (access.machines.alert_link is not None) == signs
    access.close(5)


def test_processes_of_a_cluster_know_each_others_links(tmp_path: Path) -> None:
    """Without a secret of their own for links; a secret of the cluster that is being exchanged counts too."""
    old, new = "an old secret of the cluster, 32 bytes or more", "a new secret of the cluster, 32 bytes or more"
    own = {"link_secret": SecretStr("s" * 40)}

    def signer(name: str, roles: tuple[str, ...], secrets: list[str], **settings: Any) -> LinkSigner:
        (tmp_path / name).mkdir()
        keys = ClusterKeys(secrets) if secrets else None
        access = AccessControl(AuthSettings(mode="accounts", **settings), tmp_path / name, roles, keys)
        access.close(5)
        assert access.machines.alert_link is not None or not secrets, "a monitor apart signs"
        return access.machines.signer

    url = signer("monitor", ("monitor",), [old]).sign(link_target("/v1/snapshots/5"), 2_000_000_000, ALERTS)
    path, _, query = url.partition("?")
    assert signer("api", ("api",), [old]).check(path, query) is not None
    assert signer("changed", ("api",), [new, old]).check(path, query) is not None
    assert signer("new", ("api",), [new]).check(path, query) is None
    assert signer("none", ("api",), []).check(path, query) is None
    assert signer("own", ("api",), [old], **own).check(path, query) is None, "an own secret goes first"
    assert [one.parent.name for one in tmp_path.glob("*/links.secret")] == ["none"]


def test_signatures_are_not_logged(pushed: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = signed(pushed, "/v1/streams/yard/snapshot.jpg", pushed.admin)
    with structlog.testing.capture_logs() as logs:
        texts = [pushed.get(one).text for one in tampered(url)]
        pushed.get(url)
    signature = url.rpartition("sig=")[2]
    ours = [one.getMessage() for one in caplog.records if one.name not in ("httpx", "uvicorn.access")]
    assert not any(signature in text for text in [*map(str, logs), *ours, *texts] if "httpcore" not in text)


def test_redirects_of_a_link_are_signed() -> None:
    """An alert's picture is at another address; a link goes on there, and nowhere else."""
    picture = "/v1/alerts/0190a5b4-0000-7000-8000-000000000000/picture"
    link = SIGNER.check(picture, SIGNER.sign(link_target(picture), 2_000_000_000, ANNA).partition("?")[2])
    assert link is not None

    async def redirect(request: Request) -> RedirectResponse:
        return RedirectResponse(request.query_params["to"])

    inner = SignedRedirects(Starlette(routes=[Route("/", redirect)]), SIGNER)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await inner({**scope, LINK: link}, receive, send)

    client = TestClient(app, follow_redirects=False)
    location = client.get("/", params={"to": "/v1/snapshots/12"}).headers["location"]
    path, _, query = location.partition("?")
    again = SIGNER.check(path, query)
    assert path == "/v1/snapshots/12"
    assert again is not None
    assert (again.expires_s, again.issuer) == (link.expires_s, link.issuer)
    for to in ("/v1/streams", "https://example.org/v1/snapshots/12", "//example.org/v1/snapshots/12"):
        assert client.get("/", params={"to": to}).headers["location"] == to


def test_issuers_with_strange_names_survive() -> None:
    issuer = Issuer("service:file:Grafana & co ~ 5", "key:abc")
    target = link_target("/v1/streams/yard/mjpeg?fps=2")
    url = SIGNER.sign(target, 2_000_000_000, issuer)
    found = SIGNER.check(*url.split("?", 1))
    assert found is not None
    assert (found.issuer, found.target.stream_id, found.target.query) == (issuer, "yard", "fps=2")


def test_line_breaks_are_refused() -> None:
    for path in (
        "/v1/snapshots/1\n",
        "/v1/streams/yard/snapshot.jpg?width=1\nx",
        "/v1/streams/yard/snapshot.jpg?width=é",
    ):
        with pytest.raises(LinkRefused):
            link_target(path)


def test_the_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    first = link_secret(None, None, tmp_path)
    assert len(first) >= 32
    assert link_secret(None, None, tmp_path) == first
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600]


def test_a_configured_secret(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s" * 40 + "\n")
    assert link_secret(None, file, tmp_path) == b"s" * 40
    assert link_secret(SecretStr("t" * 32), None, tmp_path) == b"t" * 32
    file.write_text("short")
    with pytest.raises(SettingsError, match="fewer than 32 characters") as refused:
        link_secret(None, file, tmp_path)
    assert "short" not in str(refused.value)
    with pytest.raises(SettingsError, match="No such file"):
        link_secret(None, tmp_path / "none", tmp_path)
