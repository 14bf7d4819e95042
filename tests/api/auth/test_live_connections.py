"""Sockets and streamed answers end with the session that opened them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import pytest
from sqlalchemy import delete
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from api.auth.people.session_reader import PLAIN_COOKIE
from api.auth.settings import AuthSettings
from api.auth.tables import user_sessions
from tests.api.auth.running_accounts import Accounts, add_camera, running_accounts

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
