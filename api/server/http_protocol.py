"""uvicorn's HTTP, for clients that send or read slowly. Runs on the event loop.

A header must be whole `request_header_s` after its connection, or its first byte; a body may take `request_body_s`, and
beyond that as long as it keeps to `request_bytes_per_s`. While we ourselves do not read, that time does not pass.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any, Literal

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.http.error_responses import raw_answer
from api.http.errors import Problem
from api.server.connections import ClientConnection, Connections
from api.server.slow_clients import CutsOffSlowReaders
from api.server.websocket_protocol import SocketProtocol
from api.settings import ApiSettings

log = structlog.get_logger(__name__)

_Phase = Literal["header", "body", "whole", "idle", "over"]


class HttpProtocol(CutsOffSlowReaders, H11Protocol):
    """HTTP that ends a request that does not become whole, and cuts off a peer that reads nothing."""

    def __init__(
        self, connection: ClientConnection, connections: Connections, settings: ApiSettings, **arguments: Any
    ) -> None:
        """`arguments` are uvicorn's."""
        super().__init__(**arguments)
        self.read_timeout_s = settings.viewer_timeout_s
        self.ws_protocol_class = functools.partial(  # type: ignore[assignment]
            SocketProtocol, connection, connections, settings.viewer_timeout_s
        )
        self._connection = connection
        self._registry = connections
        self._settings = settings
        self._phase: _Phase = "over"
        self._timer: asyncio.TimerHandle | None = None
        self._began_s = 0.0
        self._body_bytes = 0
        self._upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._connection.served_by = self
        self._follow()

    def connection_lost(self, exc: Exception | None) -> None:
        self._registry.leave(self._connection)
        self._set_timer(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._phase == "body":
            self._body_bytes += len(data)
        super().data_received(data)
        self._follow()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._follow()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._follow()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._upgraded = True
        self._registry.work(self._connection)
        self._set_timer(None)
        super().handle_websocket_upgrade(event)

    def shutdown(self) -> None:
        """As uvicorn's; a request that is not whole yet is not waited for."""
        if self._phase == "body":
            return self.end()
        super().shutdown()

    def end(self) -> None:
        """See Endable."""
        self._leave_cycle()
        self.transport.abort()

    def cut_off(self) -> None:
        """End an answer that nobody reads."""
        log.info("viewer_cut_off", path=self.scope["path"], after_s=self.read_timeout_s)
        self.transport.abort()

    def _follow(self) -> None:
        """Where the request stands after what just happened: start and stop the timer."""
        phase = self._now()
        if phase == self._phase:
            return
        self._phase = phase
        if phase == "header":
            self._set_timer(self._settings.request_header_s)
        elif phase == "body":
            self._connection.scope = self.scope  # type: ignore[assignment]
            self._began_s, self._body_bytes = self.loop.time(), 0
            self._set_timer(self._settings.request_body_s)
        elif phase == "over" and not self._upgraded:
            self._set_timer(self.read_timeout_s)  # what is still to be sent holds the connection open
        else:
            self._set_timer(None)
        if phase in ("header", "idle"):
            self._registry.wait(self._connection)
        elif phase == "whole":
            self._connection.scope = self.scope  # type: ignore[assignment]
            self._registry.work(self._connection)

    def _now(self) -> _Phase:
        if self._upgraded or self.transport.is_closing():
            return "over"
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            return "body"
        if state is h11.IDLE:
            return "header" if self.timeout_keep_alive_task is None else "idle"
        return "whole"

    def _set_timer(self, after_s: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if after_s is None else self.loop.call_later(after_s, self._check)

    def _check(self) -> None:
        """The time is over; a body may have earned more."""
        if self._phase == "body":
            now_s = self.loop.time()
            if self.flow.read_paused or self.cycle.waiting_for_100_continue:
                self._began_s, self._body_bytes = now_s, 0
            earned_s = self._body_bytes / self._settings.request_bytes_per_s
            left_s = self._began_s + self._settings.request_body_s + earned_s - now_s
            if left_s > 0:
                return self._set_timer(left_s)
        if self._phase == "over":
            return self.transport.abort()
        self._registry.late(self._connection)
        if self._phase == "header" and not self.conn.trailing_data[0]:
            self.transport.close()  # it never began a request
            return self._follow()
        if self._phase == "header" or not self.cycle.response_started:
            self._leave_cycle()
            self.transport.write(raw_answer(Problem("request-late", f"the {self._phase} did not arrive in time")))
        self.transport.close()
        self._follow()

    def _leave_cycle(self) -> None:
        """The application finds its client gone."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
