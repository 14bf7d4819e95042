"""A camera that sends MJPEG over HTTP, the frames it was given again and again; or one JPEG for each request."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import ClassVar

from tests.peers.broken_servers import BrokenServer


class MjpegCamera(BrokenServer):
    """A multipart stream of `frames`, `fps` a second, for each client; on loopback, threads of its own."""

    scheme: ClassVar[str] = "http"

    def __init__(self, frames: Sequence[bytes], fps: float = 25.0, port: int = 0) -> None:
        super().__init__(port)
        self._frames = frames
        self._interval_s = 1 / fps

    def answer(self, connection: socket.socket) -> None:
        """See BrokenServer."""
        connection.recv(65536)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\nConnection: close\r\n\r\n"
        )
        while not self._closed.is_set():
            for frame in self._frames:
                head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(frame)
                connection.sendall(head + frame + b"\r\n")
                if self._closed.wait(self._interval_s):
                    return


class SnapshotCamera(BrokenServer):
    """Answers each request with one image."""

    scheme: ClassVar[str] = "http"

    def __init__(self, image: bytes, media_type: str = "image/jpeg") -> None:
        super().__init__()
        self._image = image
        self._media_type = media_type

    def answer(self, connection: socket.socket) -> None:
        """See BrokenServer."""
        connection.recv(65536)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {self._media_type}\r\nContent-Length: {len(self._image)}\r\n"
        connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + self._image)
        connection.shutdown(socket.SHUT_WR)
