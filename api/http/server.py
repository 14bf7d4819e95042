"""uvicorn, set up for streams. Runs on the event loop.

ASGI cannot see a transport whose peer stopped reading, so the timeout for viewers that read nothing is here: a
WebSocket gets close 1013 with the reason, an MJPEG response ends, and a connection that still takes no bytes a moment
later is aborted. Message sizes are limited before a message is read.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from prometheus_client import Counter
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from api.http.sockets import FRAME_WRITER, TRY_AGAIN_LATER
from api.settings import ApiSettings

log = structlog.get_logger(__name__)

CUT_OFF = Counter("livesight_viewers_cut_off", "Connections closed because the peer read nothing for too long.")

_GRACE_S = 2.0
_SLACK_BYTES = 4096
_UNSENT_BYTES = 2**17


class _Socket(WebSocketsSansIOProtocol):
    """A WebSocket that cuts off a peer that reads nothing, and that can close with 1009 while the peer still sends."""

    timeout_s: float
    _stuck: asyncio.TimerHandle | None = None
    _discarding = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            # Unsent data waits here, where it can be skipped, not in the kernel, which buffers megabytes.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:  # the application starts in the loop's next turn
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[FRAME_WRITER] = self._write_frame

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self._stuck or self.loop.call_later(self.timeout_s, self._cut_off)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._forget_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._discarding:
            super().data_received(data)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.loop.call_later(_GRACE_S, self.transport.abort)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        if not self.transport.is_closing() or self.transport.get_write_buffer_size():
            self.loop.call_later(self.close_timeout + _GRACE_S, self.transport.abort)

    def handle_parser_exception(self) -> None:
        """Close, but read on and discard: closing with unread bytes resets the connection and loses the reason."""
        assert self.conn.close_sent is not None
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.close_sent = self._discarding = True
        self.close_timer = self.loop.call_later(_GRACE_S, self.transport.abort)
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def _write_frame(self, frame: bytes) -> bool:
        """See api.http.sockets.frame_writer: the frame bypasses ASGI and framing."""
        open_now = self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing())
        if not open_now or not self.writable.is_set():
            return False
        self.transport.write(frame)
        return True

    def _cut_off(self) -> None:
        self._stuck = None
        CUT_OFF.inc()
        log.info("viewer_cut_off", path=self.scope["path"], after_s=self.timeout_s)
        reason = f"the viewer read nothing for {self.timeout_s:g} s"
        if not (self.close_sent or self.transport.is_closing()):
            self.conn.send_close(TRY_AGAIN_LATER, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.queue.put_nowait({"type": "websocket.disconnect", "code": TRY_AGAIN_LATER, "reason": reason})
        self.disconnected = True
        self.writable.set()
        self.loop.call_later(_GRACE_S, self.transport.abort)

    def _forget_timer(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None


class _Http(H11Protocol):
    """HTTP that cuts off a peer that reads nothing."""

    timeout_s: float
    _stuck: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self._stuck or self.loop.call_later(self.timeout_s, self._cut_off)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._forget_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_timer()
        super().connection_lost(exc)

    def _cut_off(self) -> None:
        self._stuck = None
        CUT_OFF.inc()
        log.info("viewer_cut_off", path=self.scope["path"], after_s=self.timeout_s)
        self.transport.abort()

    def _forget_timer(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None


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
            "http": type("Http", (_Http,), timeout),
            "ws": type("Socket", (_Socket,), timeout),
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
