"""Cameras that send those who ask elsewhere, and a server that records what arrives. Own threads, on loopback."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import ClassVar

from tests.peers.broken_servers import BrokenServer


class Recorder(BrokenServer):
    """Takes everything, says nothing; `received` has all bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.received = b""
        self.asked = threading.Event()

    def answer(self, connection: socket.socket) -> None:
        """Record."""
        while data := connection.recv(65536):
            self.received += data
            self.asked.set()


class RtspRedirect(BrokenServer):
    """Answers each RTSP request with 302 and a location; asked for OPTIONS it is ordinary."""

    location = ""

    def answer(self, connection: socket.socket) -> None:
        """One answer a request."""
        data = b""
        while more := connection.recv(65536):
            data += more
            while (end := data.find(b"\r\n\r\n")) >= 0:
                head, data = data[:end].decode(), data[end + 4 :]
                sequence = re.search(r"CSeq: (\d+)", head)
                status = "200 OK" if head.startswith("OPTIONS") else f"302 Found\r\nLocation: {self.location}"
                number = sequence[1] if sequence else "0"
                connection.sendall(f"RTSP/1.0 {status}\r\nCSeq: {number}\r\n\r\n".encode())


class HttpPages:
    """An HTTP server of fixed pages: path → (content type, body), or a string to redirect to. A context manager.

    asked: path and Authorization of each request; agents: who asked; parts: the ranges that were asked for, which are
    served. digest: pages that want admin:secret, signed for their very path.
    """

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, bytes] | str] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.agents: set[str] = set()
        self.parts: list[str] = []
        self.digest: frozenset[str] = frozenset()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version: ClassVar[str] = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers.get("authorization")))
                outer.agents.add(self.headers.get("user-agent", ""))
                page = outer.pages.get(self.path)
                if self.path in outer.digest and not self._is_signed():
                    self._answer(401, {"www-authenticate": 'Digest realm="cam", nonce="abc", qop="auth"'})
                elif page is None:
                    self._answer(404, {})
                elif isinstance(page, str):
                    self._answer(302, {"location": page})
                else:
                    self._serve(*page)

            def _serve(self, media_type: str, body: bytes) -> None:
                found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
                if found is None:
                    self._answer(200, {"content-type": media_type}, body)
                    return
                outer.parts.append(self.headers["range"])
                first, last = int(found[1]), int(found[2] or len(body) - 1)
                place = {"content-type": media_type, "content-range": f"bytes {first}-{last}/{len(body)}"}
                self._answer(206, place, body[first : last + 1])

            def _is_signed(self) -> bool:
                told = dict(re.findall(r'(\w+)="?([^",]*)', self.headers.get("authorization", "")))

                def md5(*parts: str) -> str:
                    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()

                user, asked = md5("admin", "cam", "secret"), md5("GET", self.path)
                counted = [told.get(name, "") for name in ("nc", "cnonce", "qop")]
                return told.get("uri") == self.path and told.get("response") == md5(user, "abc", *counted, asked)

            def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="http-pages", daemon=True)

    def __enter__(self) -> HttpPages:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
