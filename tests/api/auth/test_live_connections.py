"""Sockets and streamed answers end with the session that opened them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, delete
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from api.auth.access_control import AccessControl
from api.auth.accounts_database import AT_ONCE
from api.auth.machines import service_accounts
from api.auth.machines.link_reader import link_principal
from api.auth.machines.signed_links import link_target
from api.auth.people.people import People
from api.auth.people.session_reader import PLAIN_COOKIE
from api.auth.people.session_store import Client
from api.auth.settings import AuthSettings
from api.auth.tables import user_sessions
from tests.api.auth.running_accounts import Accounts, add_camera, running_accounts
from tests.api.waiting import eventually
from workers.access.principal import Grant, Principal
from workers.database.database import Database

LONG_S = 60.0
"""What never takes as long here but with a fault, however busy the machine is."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Accounts]:
    with running_accounts(tmp_path, AuthSettings.model_validate({"mode": "accounts", "recheck_s": 0.2})) as running:
        yield running


def cookie_of(client: httpx.Client) -> dict[str, str]:
    return {"Cookie": f"{PLAIN_COOKIE}={client.cookies[PLAIN_COOKIE]}"}


class Watching:
    """Reads a streamed answer in a thread; `bytes` is how much came, `ended` how it ended."""

    def __init__(self, client: httpx.Client, path: str) -> None:
        self.begun = threading.Event()
        self.ended: Queue[str] = Queue()
        self._client, self._path = client, path
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self.begun.wait(LONG_S)

    def _read(self) -> None:
        try:
            with self._client.stream("GET", self._path, timeout=LONG_S) as answer:
                for _ in answer.iter_raw():
                    self.begun.set()
            self.ended.put("orderly")
        except httpx.HTTPError as error:
            self.ended.put(repr(error))


def test_signing_out_ends_socket_and_mjpeg_and_nobody_elses(service: Accounts) -> None:
    admin = service.first_admin()
    other = service.signed_in()
    add_camera(service.node)
    url = f"{service.ws}/v1/streams/yard/detections"
    with (
        connect(url, additional_headers=cookie_of(admin)) as mine,
        connect(url, additional_headers=cookie_of(other)) as theirs,
    ):
        pictures = Watching(service.signed_in(), "/v1/streams/yard/mjpeg")
        mjpeg = Watching(admin, "/v1/streams/yard/mjpeg")
        assert json.loads(mine.recv(LONG_S))["stream_id"] == "yard"
        out = service.client()
        out.cookies.update(admin.cookies)
        assert out.post("/v1/logout").status_code == 204
        assert mjpeg.ended.get(timeout=LONG_S) == "orderly"
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                mine.recv(LONG_S)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "signed out, or the key was revoked")
        for _ in range(20):
            assert json.loads(theirs.recv(LONG_S))["stream_id"] == "yard"
        assert pictures.ended.empty()


def test_a_silent_stream_of_events_ends_when_another_process_ends_the_session(service: Accounts) -> None:
    """As a command does, or an api process beside this one: in the database."""
    admin = service.first_admin()
    watching = Watching(admin, "/v1/silent-events")
    with service.access.accounts.database.write() as connection:  # type: ignore[union-attr]
        connection.execute(delete(user_sessions))
    assert watching.ended.get(timeout=LONG_S) == "orderly"


@pytest.mark.parametrize("change", [{"disabled": True}, {"grants": [{"role": "viewer", "streams": ["gate"]}]}])
def test_sockets_end_when_the_account_is_disabled_or_may_less(service: Accounts, change: dict[str, Any]) -> None:
    admin = service.first_admin()
    new = {"name": "Bo", "password": "seven green umbrellas", "grants": [{"role": "viewer"}]}
    bo = admin.post("/v1/users", json=new).json()["id"]
    add_camera(service.node)
    headers = cookie_of(service.signed_in("Bo", "seven green umbrellas"))
    with connect(f"{service.ws}/v1/detections", additional_headers=headers) as socket:
        assert json.loads(socket.recv(LONG_S))["stream_id"] == "yard"
        assert admin.patch(f"/v1/users/{bo}", json=change).status_code == 200
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                socket.recv(LONG_S)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008


class Socket:
    """A Live."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.ended: str | None = None

    def end(self, reason: str) -> None:
        self.ended = reason


@dataclass
class Crowd:
    """2,000 sockets of 50 sessions, 500 of 100 keys, and 500 of links that those keys made."""

    by_session: list[Socket]
    by_key: list[Socket]
    by_link: list[Socket]


def crowd_of(people: People, database: Database) -> Crowd:
    """Their accounts, in an empty database."""
    user = people.users.add("Ada", None, [Grant("viewer")])
    sessions = [people.sessions.open(user, Client("", ""))[1].principal() for _ in range(50)]
    keys = []
    for name in "abcde":
        account = service_accounts.add_account(database, name, [Grant("viewer")])
        for number in range(20):
            made = service_accounts.add_key(database, account.id, f"key {number}", None)[0]
            stored = service_accounts.stored_key(database, made.id)
            assert stored is not None
            keys.append(stored.principal())
    crowd = Crowd([Socket(one) for one in sessions * 40], [Socket(one) for one in keys * 5], [])
    for number, socket in enumerate(crowd.by_key):
        link = link_principal(socket.principal, link_target(f"/v1/streams/cam-{number}/mjpeg"), 2_000_000_000)
        assert link is not None
        crowd.by_link.append(Socket(link))
    return crowd


async def test_many_sockets_are_one_question_to_a_slow_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question takes a second: whoever is revoked is out soon, though many requests wait for the same database."""
    access = AccessControl(AuthSettings.model_validate({"mode": "accounts", "recheck_s": 0.2}), tmp_path)
    access.start()
    accounts, people = access.accounts, access.people
    assert accounts is not None and people is not None
    crowd = crowd_of(people, accounts.database)
    first, key = crowd.by_session[0].principal, crowd.by_key[0].principal
    people.sessions.end(first.credential.removeprefix("session:"))
    service_accounts.revoke_key(accounts.database, key.credential.removeprefix("key:"))
    expired = Socket(replace(crowd.by_session[1].principal, expires_at_s=time.time() - 1))
    questions: list[float] = []
    read = Database.read

    @contextmanager
    def slow(self: Database) -> Iterator[Connection]:
        questions.append(time.monotonic())
        time.sleep(1)
        with read(self) as connection:
            yield connection

    monkeypatch.setattr(Database, "read", slow)
    ask = partial(service_accounts.account, account_id="nobody")
    waiting = [asyncio.create_task(accounts.run(ask)) for _ in range(300)]
    everybody = [*crowd.by_session, *crowd.by_key, *crowd.by_link, expired]
    began_s = time.monotonic()
    for socket in everybody:
        access.live.add(socket)
    await eventually(lambda: sum(one.ended is not None for one in everybody) == 40 + 5 + 5 + 1, LONG_S)
    took_s, answered = time.monotonic() - began_s, sum(task.done() for task in waiting)
    assert answered < len(waiting), "nobody waited for them"
    asked = len(questions) - answered - AT_ONCE
    assert asked <= 3 * (took_s + 1), f"{asked} questions in {took_s:.1f} s: a round asks once for each kind"
    for one in (*crowd.by_session[::50], *crowd.by_key[::100], *crowd.by_link[::100], expired):
        assert one.ended, "exactly those that were revoked"
    for socket in everybody:
        access.live.remove(socket)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    access.close(20)


def test_sessions_live_on_while_the_database_is_away(service: Accounts) -> None:
    """And are looked up again when it is back; who is not known gets 503."""
    admin = service.first_admin()
    assert admin.get("/v1/users").status_code == 200
    database = service.access.accounts.database  # type: ignore[union-attr]
    file = Path(database.url.database or "")
    moved = file.rename(file.with_suffix(".away"))
    database.close()
    file.mkdir()
    reader = service.people.reader
    for key, (principal, _) in list(reader._known.items()):
        reader._known[key] = principal, time.monotonic() - 20
    assert admin.get("/v1/session").json()["signed_in"] is True
    stranger = service.client()
    stranger.cookies.set(PLAIN_COOKIE, "unknown")
    away = stranger.get("/v1/session")
    assert (away.status_code, away.json()["type"]) == (503, "urn:livesight:problem:store-unavailable")
    assert any("accounts" in reason for reason in admin.get("/readyz").json()["reasons"])
    file.rmdir()
    moved.rename(file)
    assert admin.get("/v1/users").status_code == 200
    assert not any("accounts" in reason for reason in admin.get("/readyz").json()["reasons"])
