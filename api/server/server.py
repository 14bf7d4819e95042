"""uvicorn, set up for streams: its options, and viewers that end before it does. Runs on the event loop."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from api.http.listening import listen
from api.http.peer_faults import count_peer_faults
from api.server.acceptor import Acceptor
from api.server.connections import ClientConnection, Connections
from api.server.http_protocol import HttpProtocol
from api.settings import ApiSettings

_SLACK_BYTES = 4096
_BACKLOG = 2048
_TICKS_PER_REFRESH = 10


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What the server needs of an application; `create_app` leaves it at `app.state.server_options`.

    image_bytes: maximum size of a pushed image; end_viewers: called at shutdown, on the loop, before waiting for them.
    """

    settings: ApiSettings
    image_bytes: int
    end_viewers: Callable[[], None]
    connections: Connections


class Server(uvicorn.Server):
    """Serves the application of `create_app`. `run` installs the handlers of SIGINT and SIGTERM and blocks."""

    def __init__(self, app: FastAPI, **changes: Any) -> None:
        """`changes` are further arguments of uvicorn.Config, such as `ssl_certfile`."""
        options = app.state.server_options
        assert isinstance(options, ServerOptions)
        self._options = options
        arguments: dict[str, Any] = {
            "host": options.settings.host,
            "port": options.settings.port,
            "ws_max_size": options.image_bytes + _SLACK_BYTES,
            "ws_per_message_deflate": False,  # images do not shrink, and results would be deflated for each viewer
            "timeout_keep_alive": options.settings.keep_alive_s,
            "timeout_graceful_shutdown": 3,
            "access_log": False,
            "log_config": None,
            "server_header": False,
            "proxy_headers": False,  # api/auth/forwarded.py reads them
        }
        super().__init__(uvicorn.Config(app, **{**arguments, **changes}))

    @property
    def port(self) -> int:
        """The port it listens on, once `started`."""
        address = self.servers[0].sockets[0].getsockname()
        return int(address[1])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, but accepting by api/server/acceptor.py. Without sockets it opens its own."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        listeners = sockets if sockets is not None else [listen(self.config.host, self.config.port)]
        acceptors = [Acceptor(sock, self._protocol, self._options.connections, self.config.ssl) for sock in listeners]
        self.servers = acceptors  # type: ignore[assignment]
        count_peer_faults()
        self._options.connections.refresh()
        for acceptor, sock in zip(acceptors, listeners, strict=True):
            sock.listen(_BACKLOG)
            acceptor.start()
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        """As uvicorn's, ten times a second; once a second the connections are reckoned anew."""
        if counter % _TICKS_PER_REFRESH == 0:
            self._options.connections.refresh()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """End the viewers first (close 1001, MJPEG ends), so that the server waits for none of them."""
        self._options.end_viewers()
        await asyncio.sleep(0.05)
        await super().shutdown(sockets)

    def _protocol(self, connection: ClientConnection) -> HttpProtocol:
        return HttpProtocol(
            connection,
            self._options.connections,
            self._options.settings,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
