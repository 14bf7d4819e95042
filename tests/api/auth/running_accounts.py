"""A service in mode accounts, on a real server with the test engine; and people who sign in. Any thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from fastapi import Depends
from starlette.responses import StreamingResponse

from api.app import create_app
from api.auth.access_control import AccessControl
from api.auth.people.people import People
from api.auth.settings import AuthSettings
from api.server.server import Server
from api.settings import ApiSettings
from stream.config import StreamConfig
from tests.peers.number_engine import NumberEngine
from workers.access.declaration import Needs
from workers.bus.message_bus import LocalBus
from workers.engines.hot_swap import EngineSlot
from workers.model_card import ModelStore
from workers.node.node import Node
from workers.settings import NodeSettings, WorkerSettings

ADMIN, PASSWORD = "Ada", "correct horse battery"


@dataclass
class Accounts:
    """`url` without a slash at the end."""

    port: int
    node: Node
    access: AccessControl
    people: People
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        """A browser, as far as cookies go. Signed in nowhere."""
        self.clients.append(httpx.Client(base_url=self.url, timeout=20))
        return self.clients[-1]

    def first_admin(self) -> httpx.Client:
        """Whoever opened the printed link."""
        client = self.client()
        body = {"token": self.access.setup_token, "name": ADMIN, "password": PASSWORD}
        client.post("/v1/setup", json=body).raise_for_status()
        return client

    def signed_in(self, name: str = ADMIN, password: str = PASSWORD) -> httpx.Client:
        """Another browser."""
        client = self.client()
        client.post("/v1/login", json={"name": name, "password": password}).raise_for_status()
        return client


async def silent_events() -> StreamingResponse:
    """One server-sent event, and nothing ever after."""

    async def events() -> AsyncIterator[str]:
        yield "data: begun\n\n"
        await asyncio.Event().wait()

    return StreamingResponse(events(), media_type="text/event-stream")


@contextmanager
def running_accounts(state_dir: Path, auth: AuthSettings) -> Iterator[Accounts]:
    """On a free port, with the accounts that are in `state_dir`, and a demo camera `yard` that is not started."""
    state_dir.mkdir(parents=True, exist_ok=True)
    bus = LocalBus()
    node = Node(NodeSettings("test", WorkerSettings(threads=2), state_dir=state_dir), ModelStore([]), bus)
    node.models.slots["number"] = node.models.slots["mask"] = EngineSlot(NumberEngine())
    node.start(())
    started: list[AccessControl] = []
    servers: list[Server] = []

    async def serve() -> None:
        access = AccessControl(auth, state_dir)
        await asyncio.to_thread(access.start)
        started.append(access)
        app = create_app(node, bus, ApiSettings(port=0), access=access)
        app.add_api_route("/v1/silent-events", silent_events, dependencies=[Depends(Needs("events"))])
        servers.append(Server(app))
        await servers[0].serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="server")
    thread.start()
    deadline_s = time.monotonic() + 60
    while not (servers and servers[0].started) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    access = started[0]
    assert access.people is not None
    running = Accounts(servers[0].port, node, access, access.people)
    try:
        yield running
    finally:
        for client in running.clients:
            client.close()
        node.close()
        servers[0].should_exit = True
        thread.join(20)
        access.close(5.0)
        assert not thread.is_alive(), "the server did not end"


def add_camera(node: Node, stream_id: str = "yard") -> None:
    """The demo's picture."""
    node.streams.add(StreamConfig(id=stream_id, url="demo:", models=("number",)), allow_local=True)
