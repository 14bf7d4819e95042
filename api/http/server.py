"""uvicorn, set up for streams: its options, and viewers that end before it does. Runs on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI

from api.http.slow_clients import HttpProtocol, SocketProtocol
from api.settings import ApiSettings

_SLACK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What the server needs of an application; `create_app` leaves it at `app.state.server_options`.

    image_bytes: maximum size of a pushed image; end_viewers: called at shutdown, on the loop, before waiting for them.
    """

    settings: ApiSettings
    image_bytes: int
    end_viewers: Callable[[], None]


class Server(uvicorn.Server):
    """Serves the application of `create_app`. `run` installs the handlers of SIGINT and SIGTERM and blocks."""

    def __init__(self, app: FastAPI, **changes: Any) -> None:
        """`changes` are further arguments of uvicorn.Config, such as `fd` or `ssl_certfile`."""
        options = app.state.server_options
        assert isinstance(options, ServerOptions)
        self._options = options
        timeout = {"timeout_s": options.settings.viewer_timeout_s}
        arguments: dict[str, Any] = {
            "host": options.settings.host,
            "port": options.settings.port,
            "http": type("Http", (HttpProtocol,), timeout),
            "ws": type("Socket", (SocketProtocol,), timeout),
            "ws_max_size": options.image_bytes + _SLACK_BYTES,
            "ws_per_message_deflate": False,  # images do not shrink, and results would be deflated for each viewer
            "timeout_graceful_shutdown": 3,
            "access_log": False,
            "log_config": None,
            "server_header": False,
        }
        super().__init__(uvicorn.Config(app, **{**arguments, **changes}))

    @property
    def port(self) -> int:
        """The port it listens on, once `started`."""
        address = self.servers[0].sockets[0].getsockname()
        return int(address[1])

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """End the viewers first (close 1001, MJPEG ends), so that the server waits for none of them."""
        self._options.end_viewers()
        await asyncio.sleep(0.05)
        await super().shutdown(sockets)
