"""WebRTC pushes end with the session or key that began them, though their media flows beside HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from api.auth.live_connections import LiveConnections
from api.auth.live_pushes import LivePushGuard
from api.auth.machines import service_accounts as store
from api.auth.people.session_reader import PLAIN_COOKIE
from api.auth.settings import AuthSettings
from tests.api.auth.running_accounts import Accounts, running_accounts
from tests.api.waiting import eventually
from tests.peers.whip_client import NumberedTrack, WhipClient, loopback_ice
from workers.access.declaration import PRINCIPAL
from workers.access.principal import Grant, Principal

LONG_S = 60.0


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Accounts]:
    auth = AuthSettings.model_validate({"mode": "accounts", "recheck_s": 0.2})
    with loopback_ice(), running_accounts(tmp_path, auth) as running:
        yield running


def state(service: Accounts, stream_id: str) -> str:
    return service.node.streams.view(stream_id).state


@asynccontextmanager
async def pushing(service: Accounts, stream_id: str, headers: dict[str, str]) -> AsyncIterator[WhipClient]:
    """A peer whose video arrives."""
    async with (
        httpx.AsyncClient(base_url=service.url, headers=headers, timeout=20) as http,
        WhipClient(NumberedTrack(fps=10)) as client,
    ):
        await client.connect_http(http, f"/v1/streams/{stream_id}/whip?models=number")
        await eventually(lambda: state(service, stream_id) == "live", LONG_S)
        yield client


async def test_signing_out_ends_the_push_and_nobody_elses(service: Accounts) -> None:
    admin = await asyncio.to_thread(service.first_admin)
    other = await asyncio.to_thread(service.signed_in)
    mine = {"Cookie": f"{PLAIN_COOKIE}={admin.cookies[PLAIN_COOKIE]}"}
    theirs = {"Cookie": f"{PLAIN_COOKIE}={other.cookies[PLAIN_COOKIE]}"}
    async with pushing(service, "mine", mine) as client, pushing(service, "theirs", theirs) as another:
        response = await asyncio.to_thread(admin.post, "/v1/logout")
        assert response.status_code == 204
        await eventually(lambda: state(service, "mine") == "ended", LONG_S)
        await eventually(lambda: client.connection.connectionState in ("closed", "failed"), LONG_S)
        sent = another.track.number
        await eventually(lambda: another.track.number > sent + 10, LONG_S)
        assert state(service, "theirs") == "live"


@pytest.mark.parametrize("what", ["key", "account", "grant"])
async def test_a_revoked_key_ends_the_push(service: Accounts, what: str) -> None:
    """As a command does, in the database."""
    assert service.access.accounts is not None
    database = service.access.accounts.database
    account = await asyncio.to_thread(store.add_account, database, "encoder", (Grant("operator", ("cam",)),))
    key = (await asyncio.to_thread(store.add_key, database, account.id, "one", None))[0]
    async with pushing(service, "cam", {"authorization": f"Bearer {key.text}"}):
        if what == "key":
            await asyncio.to_thread(store.revoke_key, database, key.id)
        elif what == "account":
            await asyncio.to_thread(store.change_account, database, account.id, disabled=True)
        else:
            fewer = (Grant("operator", ("other",)),)
            await asyncio.to_thread(store.change_account, database, account.id, grants=fewer)
        await eventually(lambda: state(service, "cam") == "ended", LONG_S)


async def test_an_encoder_that_reconnects_for_ever_is_watched_once() -> None:
    """It leaves without ending what it had, 1,000 times; what it has now still ends with its key."""
    encoder = Principal("service:1", "service", (Grant("operator", ("cam",)),), "key:1")
    other = Principal("service:2", "service", (Grant("operator", ("yard",)),), "key:2")
    asked: list[tuple[str, str]] = []

    async def whip(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append((scope["method"], scope["path"]))
        location = f"{scope['path']}/{len(asked)}".encode() if scope["method"] == "POST" else b""
        await send({"type": "http.response.start", "status": 201, "headers": [(b"location", location)]})
        await send({"type": "http.response.body", "body": b""})

    keys = Keys()
    live = LiveConnections((keys,), LONG_S)
    guard = LivePushGuard(whip, live, "api-1", lambda stream_id: True)

    async def request(principal: Principal, method: str, path: str) -> None:
        scope = {"type": "http", "method": method, "path": path, "headers": [], PRINCIPAL: principal}
        await guard(scope, unused, ignored)

    await request(other, "POST", "/v1/streams/yard/whip")
    for _ in range(1000):
        await request(encoder, "POST", "/v1/streams/cam/whip")
    keys.revoked.add(encoder.credential)
    live.check_soon()
    await eventually(lambda: asked[-1] == ("DELETE", "/v1/streams/cam/whip/1001"), LONG_S)
    assert [method for method, _ in asked].count("DELETE") == 1, "what had ended was not watched any more"
    keys.looked_up.clear()
    live.check_soon()
    await eventually(lambda: keys.looked_up == [other.id], LONG_S)
    await request(other, "DELETE", "/v1/streams/yard/whip/1")


class Keys:
    """A Revalidator."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()
        self.looked_up: list[str] = []

    def handles(self, principal: Principal) -> bool:
        return principal.credential.startswith("key:")

    async def revalidate(self, principals: Sequence[Principal]) -> Sequence[Principal | None]:
        self.looked_up += [principal.id for principal in principals]
        return [None if one.credential in self.revoked else one for one in principals]


async def unused() -> Message:
    raise AssertionError("a WHIP request's body is the routes' business")


async def ignored(message: Message) -> None:
    return None
