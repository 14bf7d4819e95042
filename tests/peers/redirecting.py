"""Cameras that send those who ask elsewhere, and a server that records what arrives. Own threads, on loopback."""

from __future__ import annotations

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
    """An HTTP server of fixed pages: path → (content type, body), or a string to redirect to. A context manager."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, bytes] | str] = {}
        self.asked: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version: ClassVar[str] = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers.get("authorization")))
                page = outer.pages.get(self.path)
                if page is None or isinstance(page, str):
                    self.send_response(404 if page is None else 302)
                    self.send_header("location", page or "/")
                    self.send_header("content-length", "0")
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("content-type", page[0])
                self.send_header("content-length", str(len(page[1])))
                self.end_headers()
                self.wfile.write(page[1])

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="http-pages", daemon=True)

    def __enter__(self) -> HttpPages:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
