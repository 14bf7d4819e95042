"""Something that poses as a node: keeps what it is asked, and answers what the test wants. A thread of its own."""

from __future__ import annotations

import http.server
import threading
from types import TracebackType
from typing import Any


class RecordingNode:
    """A context manager, on loopback. `asked`: method, path and headers (names in lower case) of each request."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.status = 200
        self.headers: list[tuple[str, str]] = []
        self.body = b"answer"
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Asked", (_Handler,), {"node": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="recording-node")
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def only(self) -> tuple[str, str, dict[str, str]]:
        """The one request that came."""
        assert len(self.asked) == 1, self.asked
        return self.asked[0]

    def __enter__(self) -> RecordingNode:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    node: RecordingNode

    def _answer(self) -> None:
        self.node.asked.append((self.command, self.path, {name.lower(): said for name, said in self.headers.items()}))
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response_only(self.node.status)
        for name, value in self.node.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.node.body)))
        self.end_headers()
        self.wfile.write(self.node.body)

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""
