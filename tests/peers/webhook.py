"""A real HTTP server that takes webhooks, and misbehaves on demand. Its threads serve; any thread may ask."""

from __future__ import annotations

import json
import ssl
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request. `status`: what it was answered, None when it was not."""

    headers: dict[str, str]
    body: bytes
    status: int | None
    at_s: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Quiet(ThreadingHTTPServer):
    """Says nothing of clients that have enough."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """See socketserver."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class WebhookServer:
    """`answer` is a status, or "hang" (takes the request and says nothing), or "drip" (an answer that never ends)."""

    def __init__(self, port: int = 0, tls: Path | None = None) -> None:
        """`tls`: a certificate with its key, PEM."""
        self.answer: int | str = 204
        self.headers: dict[str, str] = {}
        self.words = b"out of order"
        self.delay_s = 0.0
        self.received: list[Received] = []
        self._changed = threading.Condition()
        self._closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length)
                if len(body) < length:  # the client had enough before it had said all: nothing was received
                    self.close_connection = True
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer._serve(self, headers, body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port = self._server.server_address[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}/hook"
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def accepted(self) -> list[Any]:
        """The JSON of what was answered with a 2xx, in order."""
        return [one.json for one in list(self.received) if one.status is not None and 200 <= one.status < 300]

    def wait_for(self, found: Callable[[], Any], timeout_s: float = 30.0) -> None:
        """Until `found()` holds, looked at after each request. Raises TimeoutError."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while not found():
                if not self._changed.wait(max(0.0, min(0.2, deadline_s - time.monotonic()))):
                    if time.monotonic() >= deadline_s:
                        raise TimeoutError(f"after {timeout_s} s: {[one.status for one in self.received]}")

    def _serve(self, handler: BaseHTTPRequestHandler, headers: dict[str, str], body: bytes) -> None:
        answer = self.answer
        status = answer if isinstance(answer, int) else None
        with self._changed:
            self.received.append(Received(headers, body, status, time.monotonic()))
            self._changed.notify_all()
        try:
            if answer == "hang":
                handler.close_connection = True
                self._closing.wait()
            elif answer == "drip":
                self._drip(handler)
            else:
                assert status is not None
                self._closing.wait(self.delay_s)
                handler.send_response(status)
                for name, value in self.headers.items():
                    handler.send_header(name, value)
                words = b"" if status == 204 else self.words
                handler.send_header("content-type", "text/plain")
                handler.send_header("content-length", str(len(words)))
                handler.end_headers()
                handler.wfile.write(words)
        except OSError:  # the client had enough
            handler.close_connection = True

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        """A header line now and then: every single read succeeds, the answer never comes."""
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self._closing.wait(0.05):
            handler.wfile.write(b"x-more: yes\r\n")

    def __enter__(self) -> WebhookServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
