"""uvicorn's WebSockets, for viewers that read slowly and peers that still send. Runs on the event loop."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import structlog
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from api.http.sockets import FRAME_WRITER, TRY_AGAIN_LATER
from api.server.connections import ClientConnection, Connections
from api.server.slow_clients import CutsOffSlowReaders

log = structlog.get_logger(__name__)

_GRACE_S = 2.0
_UNSENT_BYTES = 2**17


class SocketProtocol(CutsOffSlowReaders, WebSocketsSansIOProtocol):
    """A WebSocket that cuts off a peer that reads nothing, and that can close with 1009 while the peer still sends."""

    _discarding = False

    def __init__(
        self, connection: ClientConnection, connections: Connections, read_timeout_s: float, **arguments: Any
    ) -> None:
        """`arguments` are uvicorn's."""
        super().__init__(**arguments)
        self.read_timeout_s = read_timeout_s
        self._connection = connection
        self._registry = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connection.served_by = self
        sock = transport.get_extra_info("socket")
        if sock is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            # Unsent data waits here, where it can be skipped, not in the kernel, which buffers megabytes.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        self._registry.leave(self._connection)
        super().connection_lost(exc)

    def end(self) -> None:
        """See Endable."""
        self.transport.abort()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:  # the application starts in the loop's next turn
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[FRAME_WRITER] = self._write_frame
            self._connection.scope = self.scope  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if not self._discarding:
            super().data_received(data)

    async def send(self, message: Any) -> None:
        """A handshake that was answered with a refusal is over; uvicorn takes it for one that was never answered."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

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

    def cut_off(self) -> None:
        """Close with 1013 and the reason, and a moment later by force."""
        log.info("viewer_cut_off", path=self.scope["path"], after_s=self.read_timeout_s)
        reason = f"the viewer read nothing for {self.read_timeout_s:g} s"
        if not (self.close_sent or self.transport.is_closing()):
            self.conn.send_close(TRY_AGAIN_LATER, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.queue.put_nowait({"type": "websocket.disconnect", "code": TRY_AGAIN_LATER, "reason": reason})
        self.disconnected = True
        self.writable.set()
        self.loop.call_later(_GRACE_S, self.transport.abort)

    def _write_frame(self, frame: bytes) -> bool:
        """See api.http.sockets.frame_writer: the frame bypasses ASGI and framing."""
        open_now = self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing())
        if not open_now or not self.writable.is_set():
            return False
        self.transport.write(frame)
        return True
