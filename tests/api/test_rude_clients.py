"""What clients do wrong is answered or counted; it writes no error, no traceback, and not many lines."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.api.conftest import Service, running
from tests.api.push_client import encoded
from tests.api.raw_client import HALF_HEADER, post, raw
from workers.logs import configure_logs

TIMES = 30
UPGRADE = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: %s\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
MULTIPART = "multipart/form-data; boundary=xx"
HALF_PART = b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\nabc'


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a service writes to its log, as it is configured in production."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers, root.level
    monkeypatch.setattr("sys.stderr", stream)
    structlog.reset_defaults()
    configure_logs("info", "json")
    yield stream
    root.handlers, _ = before
    root.setLevel(before[1])


@pytest.fixture
def service(written: io.StringIO, tmp_path: Path) -> Iterator[Service]:
    """Started when the log is configured already."""
    with running(tmp_path, request_header_s=0.5, request_body_s=0.5) as one:
        yield one


RUDE: dict[str, bytes] = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "no HTTP at all": b"\x00\xff" * 5000,
    "a bad header": b"GET / HTTP/1.1\r\nHost: localhost\r\n bad\x00: 1\r\n\r\n",
    "two lengths": b"POST /v1/streams HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "a header too long": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000,
    "half a header": HALF_HEADER,
    "half of a JSON": post("/v1/streams", 1000) + b'{"id": ',
    "half of an image": post("/v1/predict", 1000, "image/jpeg") + b"\xff\xd8\xff",
    "half of a form": post("/v1/predict", 1000, MULTIPART) + HALF_PART,
    "half of a batch": post("/v1/predict/batch", 1000, MULTIPART) + HALF_PART,
    "half of an offer": post("/v1/streams/cam/whip", 1000, "application/sdp") + b"v=0\r\n",
    "no offer": post("/v1/streams/cam/whip", 20, "application/sdp") + b"v=0\r\ngarbage=garbage",
    "no form": post("/v1/predict", 10, MULTIPART) + b"xxxxxxxxxx",
    "a bad chunk": b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "no such upgrade": UPGRADE % (b"/", b"h2c"),
    "a socket without a route": UPGRADE % (b"/nothing", b"websocket"),
    "a socket with a bad key": (UPGRADE % (b"/v1/detections", b"websocket")).replace(b"AAAA==", b""),
    "a reserved frame": UPGRADE % (b"/v1/detections", b"websocket") + b"\xf3\x80\x00\x00\x00\x00",
    "a frame without a mask": UPGRADE % (b"/v1/detections", b"websocket") + b"\x81\x05hello",
    "a text that is none": UPGRADE % (b"/v1/streams/cam/frames", b"websocket") + b"\x81\x82\x00\x00\x00\x00\xff\xfe",
    "half a frame": UPGRADE % (b"/v1/streams/cam/frames", b"websocket") + b"\x82\xfe\xff\xff\x00\x00\x00\x00half",
    "no image": UPGRADE % (b"/v1/streams/cam/frames", b"websocket") + b"\x82\x84\x00\x00\x00\x00\xff\xd8\xff\xe0",
}


async def attack(service: Service, sent: bytes, leave_at_once: bool) -> None:
    async with raw(service.port) as client:
        try:
            await client.send(sent)
            if not leave_at_once:
                await asyncio.wait_for(client.answer(), 2)
        except (ConnectionError, TimeoutError):
            return


async def leave_while_it_answers(service: Service) -> None:
    """Leaves a prediction that runs, and a stream of images."""
    for request in (
        post("/v1/predict?models=number", len(encoded(1)), "image/jpeg") + encoded(1),
        b"GET /v1/streams/cam/mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50,
    ):
        async with raw(service.port) as client:
            await client.send(request)
    try:
        async with connect(f"{service.ws}/v1/detections", proxy=None) as viewer:
            viewer.transport.abort()
    except (WebSocketException, OSError):
        return


async def test_rude_clients_do_not_write_the_log(service: Service, written: io.StringIO) -> None:
    for _ in range(TIMES):
        async with asyncio.TaskGroup() as group:
            for sent in RUDE.values():
                group.create_task(attack(service, sent, leave_at_once=True))
            group.create_task(leave_while_it_answers(service))
    async with asyncio.TaskGroup() as group:
        for sent in RUDE.values():
            group.create_task(attack(service, sent, leave_at_once=False))
    async with service.http() as http:
        assert (await http.get("/healthz")).status_code == 200
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    loud = [line for line in lines if line["level"] in ("error", "critical") or "exception" in line]
    assert not loud, loud[0]
    warnings = [line for line in lines if line["level"] == "warning"]
    assert len(warnings) <= 10, [line["event"] for line in warnings]
