"""HTTP cameras with habits: heads and streams of several parts as real cameras write them, by name. Own threads.

`HEADS` are answers' heads, each before an ordinary stream; `STREAMS` are streams whose parts are odd, after an ordinary
head. The path is the habit's name; `/moved/NAME` redirects there, `/basic/NAME` and `/digest/NAME` want admin:secret.
"""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tests.peers.broken_servers import BrokenServer

_OK = b"HTTP/1.1 200 OK\r\n"
_TYPE = b"Content-Type: multipart/x-mixed-replace; boundary=frame"
_ENDED = _TYPE + b"\r\n\r\n"

HEADS: dict[str, bytes] = {
    "lf": b"HTTP/1.1 200 OK\n" + _TYPE + b"\n\n",
    "lf-and-crlf": _OK + _TYPE + b"\nServer: x\r\n\n",
    "cr-cr-lf": b"HTTP/1.1 200 OK\r\r\n" + _TYPE + b"\r\r\n\r\r\n",
    "http-1.0": b"HTTP/1.0 200 OK\r\nConnection: close\r\n" + _ENDED,
    "http-1": b"HTTP/1 200 OK\r\n" + _ENDED,
    "http-2.0": b"HTTP/2.0 200 OK\r\n" + _ENDED,
    "lower-case": b"http/1.1 200 ok\r\n" + _TYPE.lower() + b"\r\n\r\n",
    "icy": b"ICY 200 OK\r\n" + _ENDED,
    "no-reason": b"HTTP/1.1 200\r\n" + _ENDED,
    "two-spaces": b"HTTP/1.1  200  OK\r\n" + _ENDED,
    "empty-lines-first": b"\r\n\r\n" + _OK + _ENDED,
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + _OK + _ENDED,
    "space-before-colon": _OK + _TYPE.replace(b":", b" :") + b"\r\n\r\n",
    "no-colon": _OK + b"no header at all\r\n" + _ENDED,
    "no-name": _OK + b": x\r\n" + _ENDED,
    "space-in-name": _OK + b"X Frame Rate: 25\r\n" + _ENDED,
    "null-byte": _OK + b"Server: cam\0\r\n" + _ENDED,
    "latin-1": _OK + b"Server: Kam\xe9ra\r\n" + _ENDED,
    "folded": _OK + _TYPE.replace(b"; ", b";\r\n ") + b"\r\n\r\n",
    "length-0": _OK + b"Content-Length: 0\r\n" + _ENDED,
    "length-negative": _OK + b"Content-Length: -1\r\n" + _ENDED,
    "length-huge": _OK + b"Content-Length: 99999999999999999999999\r\n" + _ENDED,
    "length-no-number": _OK + b"Content-Length: \r\n" + _ENDED,
    "two-lengths": _OK + b"Content-Length: 1000000\r\nContent-Length: 2000000\r\n" + _ENDED,
    "identity": _OK + b"Transfer-Encoding: identity\r\n" + _ENDED,
    "chunked": _OK + b"Transfer-Encoding: Chunked\r\nContent-Length: 7\r\n" + _ENDED,
}


@dataclass(frozen=True)
class PartHabit:
    """How a stream's parts are written, and what the head says of them."""

    media_type: bytes = b"multipart/x-mixed-replace; boundary=frame"
    boundary: bytes = b"--frame"
    newline: bytes = b"\r\n"
    length: bool = True
    after: bytes = b"\r\n"
    extra: bytes = b""
    tail: bytes = b""

    def part(self, image: bytes) -> bytes:
        """One part."""
        image += self.tail
        lines = [self.boundary, b"Content-Type: image/jpeg", *([self.extra] if self.extra else [])]
        lines += [b"Content-Length: %d" % len(image)] if self.length else []
        return self.newline.join([*lines, b"", b""]) + image + self.after


_MULTIPART = b"multipart/x-mixed-replace"
STREAMS: dict[str, PartHabit] = {
    "plain": PartHabit(),
    "quoted": PartHabit(_MULTIPART + b'; boundary="frame b"', b"--frame b"),
    "dashes": PartHabit(_MULTIPART + b";boundary=--frame"),
    "dashes-twice": PartHabit(_MULTIPART + b";boundary=--frame", b"----frame"),
    "wrong-boundary": PartHabit(_MULTIPART + b"; boundary=other"),
    "no-boundary": PartHabit(_MULTIPART),
    "no-part-length": PartHabit(length=False),
    "part-lf": PartHabit(newline=b"\n", after=b"\n"),
    "nothing-after": PartHabit(after=b""),
    "more-headers": PartHabit(extra=b"X-Timestamp: 1.5\r\nX-Audio: 1"),
    "bytes-after-the-end": PartHabit(tail=b"dhav\x59\x19\x01\x00"),
    "octets": PartHabit(b"application/octet-stream"),
}


class HabitCamera(BrokenServer):
    """Sends `frames` again and again, `fps` a second, to each who asks for a habit."""

    scheme: ClassVar[str] = "http"

    def __init__(self, frames: Sequence[bytes], fps: float = 50.0) -> None:
        super().__init__()
        self._frames = frames
        self._interval_s = 1 / fps

    def answer(self, connection: socket.socket) -> None:
        """One answer a connection."""
        asked = b""
        while b"\r\n\r\n" not in asked:
            more = connection.recv(65536)
            if not more:
                return
            asked += more
        *guards, name = asked.split(b" ")[1].decode().strip("/").split("/")
        if guards and (refusal := self._refusal(guards[0], name, asked)):
            connection.sendall(refusal)
            connection.shutdown(socket.SHUT_RDWR)
            return
        habit = STREAMS.get(name, STREAMS["plain"])
        connection.sendall(HEADS.get(name, b"HTTP/1.0 200 OK\r\nContent-Type: " + habit.media_type + b"\r\n\r\n"))
        while not self._closed.is_set():
            for frame in self._frames:
                part = habit.part(frame)
                connection.sendall(b"%x\r\n%s\r\n" % (len(part), part) if name == "chunked" else part)
                if self._closed.wait(self._interval_s):
                    return

    def _refusal(self, guard: str, name: str, asked: bytes) -> bytes:
        """What is answered instead, if anything."""
        if guard == "moved":
            return f"HTTP/1.0 302 Found\nLocation: /{name}?a b\n\n<html>moved</html>".encode()
        found = re.search(rb"authorization: (\w+) (.*)\r\n", asked, re.I)
        if guard == "basic":
            signed = found is not None and found[2] == base64.b64encode(b"admin:secret")
            challenge = 'Basic realm="cam"'
        else:
            signed = found is not None and found[1] == b"Digest" and b'username="admin"' in found[2]
            odd = ', algorithm="SHA-3"' if guard == "odd-digest" else ', qop="auth", opaque=""'
            challenge = f'Digest realm="cam", nonce="abc"{odd}'
        return b"" if signed else f"HTTP/1.0 401 Unauthorized\nWWW-Authenticate: {challenge}\n\nno".encode()
