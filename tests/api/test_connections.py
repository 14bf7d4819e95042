"""Connections are bounded, in number and in the time until a request is whole; who sends a request is answered."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import AsyncExitStack

import httpx
import pytest
from starlette.requests import HTTPConnection
from websockets.asyncio.client import connect

from api.auth.process_assertion import AssertionReader
from api.server.connections import ClientConnection, Connections
from api.settings import ApiSettings
from tests.api.conftest import Service, Start
from tests.api.push_client import encoded
from tests.api.raw_client import GET, HALF_HEADER, RawClient, post, raw
from tests.api.waiting import eventually
from workers import descriptors
from workers.access.assertion import HEADER, Assertions, process_principal
from workers.access.cluster_keys import ClusterKeys
from workers.access.principal import Grant, Principal
from workers.errors import Unauthenticated


async def idle(stack: AsyncExitStack, service: Service, count: int) -> list[RawClient]:
    """Connections that send nothing."""
    return [await stack.enter_async_context(raw(service.port)) for _ in range(count)]


@pytest.mark.parametrize(("sent", "answered"), [(b"", b""), (HALF_HEADER, b"HTTP/1.1 408 ")])
async def test_a_header_must_arrive_in_time(start: Start, sent: bytes, answered: bytes) -> None:
    service = start(request_header_s=0.3)
    async with raw(service.port) as client:
        await client.send(sent)
        assert (await client.until_closed()).startswith(answered)
        await eventually(lambda: service.context.connections.count == 0)


@pytest.mark.parametrize(("path", "kind"), [("/v1/streams", "application/json"), ("/v1/predict", "image/jpeg")])
async def test_a_body_must_arrive_in_time(start: Start, path: str, kind: str) -> None:
    service = start(request_body_s=0.3)
    async with raw(service.port) as client:
        await client.send(post(path, 1000, kind) + b"half of it")
        answer = await client.until_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ") and json.loads(body)["type"] == "urn:livesight:problem:request-late"
    assert service.metric("livesight_connections_refused_total{" + 'reason="late"}') >= 1


async def test_a_long_body_may_take_its_time_at_the_least_rate(start: Start) -> None:
    """An image over a slow line arrives; the same image slower than that is given up."""
    service = start(request_body_s=0.4, request_bytes_per_s=200)
    image = encoded(5, ".png", (640, 384))
    parts = [image[at : at + len(image) // 9] for at in range(0, len(image), len(image) // 9)]
    assert len(parts) > 8, "the image must take longer than request_body_s"
    async with raw(service.port) as client:
        await client.send(post("/v1/predict?models=number", len(image), "image/png"))
        for part in parts:
            await client.send(part)
            await asyncio.sleep(0.1)  # a line of thousands of bytes a second
        assert (await client.answer()).startswith(b"HTTP/1.1 200 ")
    async with raw(service.port) as client:
        await client.send(post("/v1/predict?models=number", len(image), "image/png"))
        trickle = asyncio.create_task(dribble(client, image))
        assert (await client.until_closed()).startswith(b"HTTP/1.1 408 ")
        trickle.cancel()


async def dribble(client: RawClient, data: bytes) -> None:
    """Some hundred bytes a second."""
    for at in range(0, len(data), 10):
        try:
            await client.send(data[at : at + 10])
        except ConnectionError:
            return
        await asyncio.sleep(0.1)


async def test_a_rest_of_a_body_that_was_refused_is_not_read_for_ever(start: Start) -> None:
    service = start(request_body_s=0.3, body_bytes=2000)
    async with raw(service.port) as client:
        await client.send(post("/v1/streams", 5000) + b"x")
        assert b" 413 " in await client.answer()
        await client.until_closed()


async def test_a_connection_without_a_request_is_kept_for_a_while(start: Start) -> None:
    service = start(keep_alive_s=1.0)
    async with raw(service.port) as client:
        for _ in range(2):
            await client.send(GET)
            assert b"200 OK" in await client.answer(b'{"status":"ok"}')
        assert await client.until_closed() == b""


async def test_who_sends_a_request_is_answered_however_many_are_idle(start: Start) -> None:
    service = start(connections=16)
    async with AsyncExitStack() as stack:
        idlers = await idle(stack, service, 80)
        async with raw(service.port) as client:
            await client.send(GET)
            assert b"200 OK" in await client.answer()
            assert service.context.connections.count <= 16
        assert await idlers[0].until_closed() == b"", "the one that waited longest made room"
        async with service.http() as http:
            readiness = (await http.get("/readyz")).json()
        assert readiness["status"] == "degraded" and readiness["reasons"][0].startswith("connections: ")


async def test_half_a_body_makes_room_as_well(start: Start) -> None:
    service = start(connections=16)
    async with AsyncExitStack() as stack:
        for client in await idle(stack, service, 40):
            await client.send(post("/v1/streams", 1000) + b"half")
        async with raw(service.port) as client:
            await client.send(GET)
            assert b"200 OK" in await client.answer()


async def test_viewers_count_and_keep_their_place(start: Start) -> None:
    """A WebSocket does not make room for an idle connection: when all places are taken, the newcomer is refused."""
    service = start(connections=16)
    async with AsyncExitStack() as stack:
        viewers = [
            await stack.enter_async_context(connect(f"{service.ws}/v1/detections", proxy=None)) for _ in range(16)
        ]
        async with raw(service.port) as client:
            await client.send(GET)
            head, _, body = (await client.until_closed()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ") and b"retry-after: 5" in head
        assert json.loads(body)["type"] == "urn:livesight:problem:overloaded"
        await viewers[0].close()
        await eventually(lambda: service.context.connections.count < 16)
        async with raw(service.port) as client:
            await client.send(GET)
            assert b"200 OK" in await client.answer()
        for viewer in viewers[1:]:
            await (await viewer.ping())


async def test_the_server_ends_while_requests_are_half_sent(start: Start) -> None:
    """The fixture fails when the server takes longer than 15 s; here: it does not wait for half a body at all."""
    service = start()
    async with AsyncExitStack() as stack:
        clients = await idle(stack, service, 20)
        for number, client in enumerate(clients):
            await client.send(HALF_HEADER if number % 2 else post("/v1/streams", 1000) + b"half")
        await eventually(lambda: service.context.connections.count == 20)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        service.server.should_exit = True
        for client in clients:
            await client.until_closed()
        assert loop.time() - began_s < 3, "the graceful shutdown waits 3 s for what still goes on"


class Ended:
    """In place of a protocol."""

    def __init__(self) -> None:
        self.ended = False

    def end(self) -> None:
        self.ended = True


def enter(connections: Connections, address: str, works: bool = False) -> tuple[ClientConnection, Ended]:
    """A connection that is let in."""
    connection = connections.enter(address)
    assert connection is not None
    ended = connection.served_by = Ended()
    if works:
        connections.work(connection)
    return connection, ended


def test_one_address_has_its_share_only() -> None:
    connections = Connections(ApiSettings(connections_per_address=3, shared_addresses=("10.1.0.0/16",)))
    held = [enter(connections, "192.0.2.7") for _ in range(3)]
    enter(connections, "192.0.2.7")
    assert [ended.ended for _, ended in held] == [True, False, False], "the one that waits longest makes room"
    for _ in range(3):
        enter(connections, "192.0.2.8", works=True)
    assert connections.enter("192.0.2.8") is None, "all of them work"
    for shared in ("10.1.2.3", "127.0.0.1", "::1", "::ffff:10.1.2.3"):
        for _ in range(9):
            enter(connections, shared, works=True)


def test_an_ipv6_network_is_one_address() -> None:
    connections = Connections(ApiSettings(connections_per_address=2))
    for host in ("1", "2"):
        enter(connections, f"2001:db8::{host}", works=True)
    assert connections.enter("2001:db8::3") is None
    assert connections.enter("2001:db8:0:1::3") is not None


VIEWER = Principal("user:anna", "user", (Grant("viewer"),), "session:1")


@pytest.mark.parametrize("asks", [VIEWER, process_principal("api-1", Grant("viewer"))])
async def test_another_process_may_have_many(asks: Principal) -> None:
    """A process that proved itself serves many viewers: its connections are not counted as one client's."""
    keys, path = ClusterKeys(["a secret of the cluster, 32 bytes or more"]), "/v1/streams/yard/mjpeg"
    api, reader = Assertions(keys, "api-1"), AssertionReader(Assertions(keys, "node-1"))
    connections = Connections(ApiSettings(connections_per_address=2))
    for _ in range(5):
        connection, _ = enter(connections, "192.0.2.9", works=True)
        headers = api.headers(asks, "node-1", "GET", path).items()
        raw_headers = [(name.encode(), value.encode()) for name, value in headers]
        connection.scope = {"type": "http", "method": "GET", "path": path, "headers": raw_headers}
        assert await reader.read(HTTPConnection(connection.scope)) == asks
    for _ in range(2):
        stranger, _ = enter(connections, "192.0.2.9", works=True)
        stranger.scope = {"type": "http", "method": "GET", "path": path, "headers": [(HEADER.encode(), b"x")]}
        with pytest.raises(Unauthenticated):
            await reader.read(HTTPConnection(stranger.scope))
    assert connections.enter("192.0.2.9") is None, "whoever proves nothing has the share of one client"


def test_the_address_with_most_that_wait_makes_room() -> None:
    connections = Connections(ApiSettings(connections=16))
    _, lone = enter(connections, "192.0.2.1")
    flood = [enter(connections, "192.0.2.2")[1] for _ in range(15)]
    enter(connections, "192.0.2.3")
    assert (lone.ended, flood[0].ended, connections.count) == (False, True, 16)


def test_room_is_what_descriptors_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    connections = Connections(ApiSettings())
    held = [enter(connections, "127.0.0.1")[1] for _ in range(600)]
    monkeypatch.setattr(descriptors, "limit", lambda: 1024)
    monkeypatch.setattr(descriptors, "in_use", lambda: 1000)  # 400 of them are no connections
    connections.refresh()
    assert connections.room == connections.count == 1024 - 400 - 128
    assert sum(one.ended for one in held) == 600 - connections.room
    assert "descriptors" in connections.problems()[0] and "ulimit -n" in connections.problems()[0]


async def test_a_client_that_reads_no_end_is_not_held(start: Start) -> None:
    """What is left to be sent, less than makes the server wait, holds no connection open once it is to be closed."""
    service = start(keep_alive_s=0.2, viewer_timeout_s=0.5)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    with sock:
        await loop.sock_connect(sock, ("127.0.0.1", service.port))
        await eventually(lambda: len(service.server.server_state.connections) == 1)
        (protocol,) = service.server.server_state.connections
        service.loop.call_soon_threadsafe(protocol.transport.set_write_buffer_limits, 2**30)
        size = len((await asyncio.to_thread(httpx.get, f"{service.url}/static/app.css")).content)
        asked = b"GET /static/app.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
        await loop.sock_sendall(sock, asked * (2**23 // size))  # more than the kernel takes
        await eventually(protocol.transport.is_closing)
        assert protocol.transport.get_write_buffer_size() > 0
        await eventually(lambda: protocol not in service.server.server_state.connections)
