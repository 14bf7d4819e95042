"""The application on a real server, a real node with the test engine, and everything over loopback sockets."""

from __future__ import annotations

import asyncio
import functools
import http.server
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI

from api.app import create_app, extend
from api.audit.trail import AuditTrail
from api.auth.access_control import AccessControl
from api.http.extension import Extension
from api.routes.context import ApiContext
from api.server.server import Server
from api.settings import ApiSettings
from stream.config import StreamSettings
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.number_engine import NumberEngine
from workers.bus.message_bus import LocalBus
from workers.engines.hot_swap import EngineSlot
from workers.model_card import ModelStore
from workers.node.node import Node
from workers.settings import NodeSettings, WorkerSettings


@dataclass
class Service:
    """A running service. `url` without a slash at the end."""

    app: FastAPI
    port: int
    node: Node
    bus: LocalBus
    context: ApiContext
    engine: NumberEngine
    server: Server
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=20)

    def metric(self, name: str) -> float:
        """A metric without labels, as /metrics has it."""
        for line in httpx.get(f"{self.url}/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise KeyError(name)


Start = Callable[..., Service]


@contextmanager
def running(
    state_dir: Path,
    stream_settings: StreamSettings | None = None,
    engine: NumberEngine | None = None,
    ready: bool = True,
    store: ModelStore | None = None,
    access: AccessControl | None = None,
    trail: AuditTrail | None = None,
    extensions: Callable[[LocalBus, Path], Iterable[Extension]] = lambda bus, state_dir: (),
    **api_settings: Any,
) -> Iterator[Service]:
    """A node with the test engine as the models `number` and `mask`, and the application on a free port.

    store: real models in place of the test engine. access: None: everybody is a local admin. trail: where that is
    recorded. extensions: makes them.
    """
    state_dir.mkdir(parents=True, exist_ok=True)  # as the command line does before anything is stored
    bus = LocalBus()
    settings = NodeSettings("test", WorkerSettings(threads=2), stream_settings or StreamSettings(), state_dir)
    node = Node(settings, store or ModelStore([]), bus)
    engine = engine or NumberEngine()
    if store is None:
        node.models.slots["number"] = node.models.slots["mask"] = EngineSlot(engine)
    if ready:
        node.start(())
    app = create_app(node, bus, ApiSettings(port=0, **api_settings), access=access, trail=trail)
    for extension in extensions(bus, state_dir):
        extend(app, extension)
    server = Server(app)
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="server")
    thread.start()
    deadline_s = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert server.started
    try:
        yield Service(app, server.port, node, bus, app.state.context, engine, server, loops[0])
    finally:
        node.close()
        server.should_exit = True
        thread.join(15)
        assert not thread.is_alive(), "the server did not end"


@pytest.fixture(autouse=True)
def plain_logs() -> Iterator[None]:
    """Tracebacks as text: structlog's default one shows all locals, which takes seconds here."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    yield
    structlog.reset_defaults()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts services with settings of their own; they end with the test."""
    with ExitStack() as stack:

        def one(**settings: Any) -> Service:
            return stack.enter_context(running(tmp_path, **settings))

        yield one


@pytest.fixture
def service(start: Start) -> Service:
    """A service with default settings."""
    return start()


@pytest.fixture(scope="session")
def clip_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A numbered clip on a web server."""
    folder = tmp_path_factory.mktemp("web")
    make_numbered(folder / "clip.mp4", ClipSpec(frames=100, gop=10))
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="clip-server", daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/clip.mp4"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""
