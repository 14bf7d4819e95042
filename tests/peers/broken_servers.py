"""Cameras that misbehave: they accept and say nothing, answer garbage, or freeze in the middle of RTSP.

Each runs in its own threads, on loopback; a context manager.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import IO, ClassVar

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=frozen\r\nt=0 0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:stream=0\r\n"
)


class BrokenServer:
    """Accepts connections and never answers: the base of the others. `connections` counts what it accepted."""

    scheme: ClassVar[str] = "rtsp"

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()

    @property
    def url(self) -> str:
        """Where a camera would be."""
        return f"{self.scheme}://127.0.0.1:{self.port}/camera"

    def __enter__(self) -> BrokenServer:
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        for open_socket in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
            open_socket.close()
        for thread in self._threads:
            thread.join(5)
        # One that goes on would take a core from every test that follows.
        assert not any(thread.is_alive() for thread in self._threads), "a client's thread goes on"

    def _spawn(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, name="broken-server", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self.answer(connection)

    def answer(self, connection: socket.socket) -> None:
        """What one client gets, in a thread of its own; OSError ends it."""


class SilentServer(BrokenServer):
    """Accepts, reads, and never says a word."""

    def answer(self, connection: socket.socket) -> None:
        """Swallow all."""
        while connection.recv(65536):
            pass


class GarbageServer(BrokenServer):
    """Sends random bytes for as long as anybody listens."""

    def answer(self, connection: socket.socket) -> None:
        """Random bytes, a few hundred kilobytes a second."""
        while not self._closed.wait(0.02):
            connection.sendall(os.urandom(8192))


class HttpGarbageServer(BrokenServer):
    """Says 200 and video/mp4, then sends random bytes."""

    scheme: ClassVar[str] = "http"

    def answer(self, connection: socket.socket) -> None:
        """A good header and a bad body."""
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nConnection: close\r\n\r\n")
        while not self._closed.wait(0.02):
            connection.sendall(os.urandom(8192))


class RefusingServer(BrokenServer):
    """Answers each request, RTSP or HTTP, with one status; asked for OPTIONS it is ordinary. status 0: hangs up."""

    def __init__(self, scheme: str, status: int) -> None:
        super().__init__()
        self._scheme, self._status = scheme, status

    @property
    def url(self) -> str:
        """Where a camera would be."""
        return f"{self._scheme}://127.0.0.1:{self.port}/camera"

    def answer(self, connection: socket.socket) -> None:
        """Request after request; hanging up once the first has come."""
        lines = connection.makefile("rb")
        while first := lines.readline():
            headers = list(_headers(lines))
            if self._status == 0:
                connection.close()
                return
            sequence = [header for header in headers if header.lower().startswith(b"cseq")]
            status = b"200" if first.startswith(b"OPTIONS") else b"%d" % self._status
            head = [b"%s %s Whatever" % (b"RTSP/1.0" if sequence else b"HTTP/1.1", status), *sequence]
            challenge = b'WWW-Authenticate: Digest realm="camera", nonce="abc"'
            connection.sendall(b"\r\n".join([*head, challenge, b"Content-Length: 0", b"", b""]))


def _headers(lines: IO[bytes]) -> Iterator[bytes]:
    """Up to the empty line, or to the end of what a client sent that hung up in between."""
    while header := lines.readline().strip():
        yield header


class FreezingServer(BrokenServer):
    """Speaks RTSP up to a method, then freezes: by default it answers OPTIONS and DESCRIBE, and never SETUP."""

    def __init__(self, port: int = 0, answers: tuple[str, ...] = ("OPTIONS", "DESCRIBE")) -> None:
        super().__init__(port)
        self.answers = answers

    def answer(self, connection: socket.socket) -> None:
        """Answer request after request until one comes that is not in `answers`; then hold the connection open."""
        lines = connection.makefile("rb")
        while request := self._request(lines.readline):
            method, sequence = request
            if method not in self.answers:
                self._closed.wait()
                return
            connection.sendall(self._response(method, sequence).encode())

    @staticmethod
    def _request(readline: object) -> tuple[str, str] | None:
        first = readline().decode("latin-1").split()  # type: ignore[operator]
        sequence = "0"
        while header := readline().decode("latin-1").strip():  # type: ignore[operator]
            name, _, value = header.partition(":")
            if name.lower() == "cseq":
                sequence = value.strip()
        return (first[0], sequence) if first else None

    def _response(self, method: str, sequence: str) -> str:
        head = f"RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\n"
        if method == "OPTIONS":
            return f"{head}Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n"
        if method == "DESCRIBE":
            kind = f"Content-Base: {self.url}/\r\nContent-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n"
            return head + kind + SDP
        if method == "SETUP":
            return f"{head}Session: 1;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
        return f"{head}Session: 1\r\n\r\n"
