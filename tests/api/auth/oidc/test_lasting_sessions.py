"""What becomes of those who are signed in: a group taken away, signed out at either side, the provider away."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import text
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from stream.config import StreamConfig
from tests.api.auth.oidc.conftest import Signing, oidc_settings, who
from tests.api.auth.running_accounts import running_accounts
from tests.peers.oidc_provider import CLIENT, OidcProvider


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.05)


def signed_in(client: httpx.Client) -> bool:
    return bool(who(client)["signed_in"])


def roles(client: httpx.Client) -> list[str]:
    return [grant["role"] for grant in who(client)["grants"]]


def test_a_group_taken_away_shrinks_sessions_and_ends_sockets(watched: Signing) -> None:
    ada = watched.signed_in("ada")
    cookie = f"livesight={ada.cookies['livesight']}"
    with connect(f"{watched.service.ws}/v1/detections", additional_headers={"cookie": cookie}) as socket:
        watched.provider.users["ada"].groups = ["watchers"]
        with pytest.raises(ConnectionClosed) as ended:
            socket.recv(timeout=20)
    assert ended.value.rcvd is not None and ended.value.rcvd.code == 1008
    assert (roles(ada), ada.get("/v1/users").status_code) == (["viewer"], 403)
    watched.provider.users["ada"].groups = ["bosses"]
    wait_for(lambda: roles(ada) == ["admin"], "a group given back is not seen")
    watched.provider.users["ada"].groups = ["others"]
    wait_for(lambda: not signed_in(ada), "without any group the session goes on")
    assert watched.come_back(ada, "ada").headers["location"] == "/?sign-in=no-group"


def test_a_session_ends_with_the_account_and_the_session_there(watched: Signing) -> None:
    ada, bo = watched.signed_in("ada"), watched.signed_in("bo")
    watched.provider.users["bo"].enabled = False
    wait_for(lambda: not signed_in(bo), "a disabled account goes on")
    assert signed_in(ada)
    watched.provider.sessions.clear()
    wait_for(lambda: not signed_in(ada), "a session that ended there goes on")


def test_links_of_a_refused_account_end_until_it_signs_in_again(watched: Signing) -> None:
    ada, bo = watched.signed_in("ada"), watched.signed_in("bo")
    bo_elsewhere = watched.signed_in("bo")
    watched.service.node.streams.add(StreamConfig(id="yard", url="demo:", models=("number",)), allow_local=True)
    links = {}
    for name, client in (("ada", ada), ("bo", bo)):
        answer = client.post("/v1/links", json={"path": "/v1/streams/yard/detections"})
        links[name] = f"{watched.service.ws}{answer.json()['url']}"
    with connect(links["ada"]) as others, connect(links["bo"]) as socket:
        assert bo.post("/v1/logout", json={}).status_code == 200
        assert signed_in(bo_elsewhere)
        assert json.loads(socket.recv(timeout=20))["stream_id"] == "yard", "they outlive the session"
        watched.provider.users["bo"].enabled = False
        with pytest.raises(ConnectionClosed) as ended:
            while True:
                socket.recv(timeout=60)
        assert ended.value.rcvd is not None and ended.value.rcvd.code == 1008
        assert not signed_in(bo_elsewhere)
        with pytest.raises(InvalidStatus) as refused:
            connect(links["bo"])
        assert refused.value.response.status_code == 401
        for _ in range(5):
            others.recv(timeout=20)
    watched.provider.users["bo"].enabled = True
    watched.signed_in("bo")
    with connect(links["bo"]) as socket:
        socket.recv(timeout=20)


def test_refresh_tokens_that_count_once_are_kept(watched: Signing) -> None:
    ada = watched.signed_in("ada")
    before = watched.provider.asked.count("/token")
    wait_for(lambda: watched.provider.asked.count("/token") >= before + 4, "nobody asks again")
    assert signed_in(ada)


def test_without_refresh_tokens_userinfo_is_asked(provider: OidcProvider, tmp_path: Path) -> None:
    provider.refreshes = False
    with running_accounts(tmp_path / "state", oidc_settings(provider)) as service:
        ada = Signing(service, provider).signed_in("ada")
        wait_for(lambda: provider.asked.count("/userinfo") > 1, "nobody asks again")
        assert roles(ada) == ["admin"]
        provider.users["ada"].groups = ["watchers"]
        wait_for(lambda: roles(ada) == ["viewer"], "the group goes on")


def test_while_the_provider_is_away_sessions_last_as_long_as_set(provider: OidcProvider, tmp_path: Path) -> None:
    with running_accounts(tmp_path / "state", oidc_settings(provider, away_s=4)) as service:
        ada = Signing(service, provider).signed_in("ada")
        provider.away = True
        asked = len(provider.asked)
        wait_for(lambda: len(provider.asked) > asked, "nobody asks again")
        assert signed_in(ada)
        wait_for(lambda: not signed_in(ada), "it goes on for ever")


def test_a_token_that_became_somebody_elses_ends_the_session(watched: Signing) -> None:
    def forge(header: dict[str, Any], claims: dict[str, Any]) -> None:
        claims["sub"] = "somebody-else"

    bo = watched.signed_in("bo")
    watched.provider.forge = forge
    wait_for(lambda: not signed_in(bo), "it goes on")


def test_logging_out_here_goes_on_at_the_provider(signing: Signing) -> None:
    ada = signing.signed_in("ada")
    answer = ada.post("/v1/logout", json={})
    assert (answer.status_code, signed_in(ada)) == (200, False)
    url = answer.json()["continue_at"]
    query = parse_qs(urlsplit(url).query)
    assert url.startswith(f"{signing.provider.issuer}/logout?") and query["client_id"] == [CLIENT]
    assert query["post_logout_redirect_uri"] == [f"{signing.service.url}/"]
    assert len(signing.provider.sessions) == 1
    assert httpx.get(url).headers["location"] == f"{signing.service.url}/"
    assert signing.provider.sessions == {}
    local = signing.service.first_admin() if signing.service.access.setup_token else signing.service.client()
    assert local.post("/v1/logout").status_code == 204
    signing.provider.away = True
    assert signing.service.client().post("/v1/logout").status_code == 204


def send(signing: Signing, token: str) -> httpx.Response:
    return httpx.post(f"{signing.service.url}/v1/oidc/logout", data={"logout_token": token})


def test_logging_out_at_the_provider_ends_sessions_here(signing: Signing) -> None:
    here, there, bo = signing.signed_in("ada"), signing.signed_in("ada"), signing.signed_in("bo")
    first, second, _ = signing.provider.sessions
    assert send(signing, signing.provider.logout_token(sid=first, sub="subject-ada")).status_code == 200
    assert (signed_in(here), signed_in(there), signed_in(bo)) == (False, True, True)
    assert send(signing, signing.provider.logout_token(sid=second)).status_code == 200
    assert (signed_in(there), signed_in(bo)) == (False, True)
    token = signing.provider.logout_token(sub="subject-bo")
    link = bo.post("/v1/links", json={"path": "/v1/streams/yard/snapshot.jpg"}).json()["url"]
    assert signing.service.client().get(link).status_code == 404, "there is no such camera"
    cookie = f"livesight={bo.cookies['livesight']}"
    with connect(f"{signing.service.ws}/v1/detections", additional_headers={"cookie": cookie}) as socket:
        answer = send(signing, token)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=20)
    assert not signed_in(bo)
    linked = signing.service.client().get(link)
    assert linked.json()["detail"].startswith("this link is not valid any more"), "nobody would tell us of bo again"
    again = signing.signed_in("bo")
    assert send(signing, token).status_code == 400, "a token that was sent before"
    assert signed_in(again)


def test_a_log_out_that_could_not_be_stored_may_be_sent_again(signing: Signing) -> None:
    bo = signing.signed_in("bo")
    token = signing.provider.logout_token(sub="subject-bo")
    assert signing.service.access.accounts is not None
    database = signing.service.access.accounts.database
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE user_sessions RENAME TO hidden"))
    assert send(signing, token).status_code >= 500
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE hidden RENAME TO user_sessions"))
    assert signed_in(bo)
    assert send(signing, token).status_code == 200
    assert not signed_in(bo)
    assert send(signing, token).status_code == 400, "now it was used"


def test_logout_tokens_that_are_none_end_nothing(signing: Signing) -> None:
    ada = signing.signed_in("ada")
    subject = "subject-ada"
    make = signing.provider.logout_token
    wrong = {
        "another audience": make(sub=subject, aud="another"),
        "another issuer": make(sub=subject, iss="https://evil.example"),
        "expired": make(sub=subject, exp=int(time.time()) - 60),
        "for ever": make(sub=subject, exp=None),
        "no event": make(sub=subject, events=None),
        "another event": make(sub=subject, events={"http://schemas.openid.net/event/other": {}}),
        "an ID token's nonce": make(sub=subject, nonce="n"),
        "no name": make(sub=subject, jti=None),
        "nobody": make(),
        "a number for a session": make(sid=7),
        "cut": make(sub=subject)[:-6],
        "no token": "x",
    }
    for name, token in wrong.items():
        answer = send(signing, token)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:livesight:problem:token-refused"), name
        assert signed_in(ada), name
    from_page = {"origin": "https://evil.example"}
    url = f"{signing.service.url}/v1/oidc/logout"
    assert httpx.post(url, data={"logout_token": make(sub=subject)}, headers=from_page).status_code == 403
    assert httpx.post(url, data={}).status_code == 400
