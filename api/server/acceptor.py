"""Accepts connections, few at a time, and refuses those for which there is no room. Runs on the event loop.

asyncio's own server accepts all that wait in one turn of the loop, and without a free descriptor it logs a traceback
for each try, thousands a second.
"""

from __future__ import annotations

import asyncio
import fcntl
import functools
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from api.http.error_responses import raw_answer
from api.http.errors import Problem
from api.server.connections import ClientConnection, Connections, Opening
from workers import descriptors

log = structlog.get_logger(__name__)

_AT_ONCE = 16
_PAUSE_S = 0.2
_READ_BYTES = 2**16
_TLS_S = 10.0

MakeProtocol = Callable[[ClientConnection], asyncio.Protocol]


class Acceptor:
    """Serves one listening socket from `start` to `close`. `make_protocol` gets each connection that is let in."""

    def __init__(
        self,
        sock: socket.socket,
        make_protocol: MakeProtocol,
        connections: Connections,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._sock = sock
        self._make_protocol = make_protocol
        self._connections = connections
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._resume: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def sockets(self) -> Sequence[socket.socket]:
        """The listening socket, until `close`."""
        return () if self._closed else (self._sock,)

    def start(self) -> None:
        """Begin to accept."""
        self._sock.setblocking(False)
        self._loop.add_reader(self._sock.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more. Connections stay open. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._resume is not None:
            self._resume.cancel()
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()

    async def wait_closed(self) -> None:
        """Until no connection is half open any more."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                sock, address = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptor, no memory: the listener stays readable, so look away for a while
                self._connections.crowded()
                return self._pause()
            sock = _moved_up(sock)
            sock.setblocking(False)
            connection = self._connections.enter(str(address[0]) if isinstance(address, tuple) else "")
            if connection is None:
                _refuse(sock, plain=self._tls is None)
                continue
            task = self._loop.create_task(self._open(sock, connection))
            connection.served_by = Opening(task)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(functools.partial(self._opened, sock, connection))

    async def _open(self, sock: socket.socket, connection: ClientConnection) -> None:
        timeout_s = None if self._tls is None else _TLS_S
        await self._loop.connect_accepted_socket(
            lambda: self._make_protocol(connection), sock, ssl=self._tls, ssl_handshake_timeout=timeout_s
        )

    def _opened(self, sock: socket.socket, connection: ClientConnection, task: asyncio.Task[None]) -> None:
        """Tidy up after one that left, spoke no TLS, or had to make room, which is no fault of ours."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, OSError):
            log.error("connection_failed", error=repr(error), exc_info=error)
        if task.cancelled() or error is not None:
            self._connections.leave(connection)
            sock.close()

    def _pause(self) -> None:
        self._loop.remove_reader(self._sock.fileno())
        self._resume = self._loop.call_later(_PAUSE_S, self.start)


def _moved_up(sock: socket.socket) -> socket.socket:
    """The same connection with a high descriptor: low ones are for libraries that know no others."""
    if descriptors.limit() < 2 * descriptors.FIRST_HIGH or sock.fileno() >= descriptors.FIRST_HIGH:
        return sock
    try:
        number = fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, descriptors.FIRST_HIGH)
    except OSError:
        return sock
    with sock:
        return socket.socket(sock.family, sock.type, sock.proto, fileno=number)


_REFUSAL = raw_answer(Problem("overloaded", "too many connections; try again later", headers={"retry-after": "5"}))


def _refuse(sock: socket.socket, plain: bool) -> None:
    """Say why, as far as that is possible at once, and close."""
    with sock, suppress(OSError):
        if plain:
            sock.send(_REFUSAL)
            sock.shutdown(socket.SHUT_WR)
            sock.recv(_READ_BYTES)  # closing with unread bytes would take the answer back
