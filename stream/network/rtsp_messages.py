"""RTSP messages between a camera and FFmpeg, read and written again: nothing goes on that was not understood. Pure.

RFC 2326: a start line, header lines, an empty line, a body of Content-Length bytes; between messages binary blocks that
begin with `$`, a channel and a length of two bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MOST_HEAD = 32 * 1024
_MOST_BODY = 256 * 1024
_STATUS = re.compile(r"RTSP/[0-9]\.[0-9] ([0-9]{3})(?: .*)?")
_PLACE = re.compile(r";\s*(?:source|destination)\s*=[^;,]*", re.I)


class BadMessage(Exception):
    """The peer does not speak RTSP, or says more than anybody needs."""


@dataclass(frozen=True, slots=True)
class RtspMessage:
    """One request or answer. headers: names as they came, values stripped."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def status(self) -> int | None:
        """Of an answer; None for a request."""
        found = _STATUS.fullmatch(self.start)
        return int(found[1]) if found else None

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def encoded(self, source: str | None = None) -> bytes:
        """The message as it is sent on. source: the address that media over UDP comes from and goes to, whatever the
        camera says.
        """
        lines = [self.start]
        for name, value in self.headers:
            if name.lower() == "transport":
                value = ",".join(_held(part, source) for part in value.split(","))
            lines.append(f"{name}: {value}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


def take_message(data: bytearray) -> RtspMessage | bytes | None:
    """Take the next message or binary block from the front of `data`; None while it is not whole. Raises BadMessage."""
    while data.startswith((b"\r", b"\n")):
        del data[:1]
    if data[:1] == b"$":
        size = 4 + int.from_bytes(data[2:4], "big")
        return _cut(data, size) if len(data) >= 4 and len(data) >= size else None
    end = re.search(rb"\r?\n\r?\n", data)
    if end is None:
        if len(data) > _MOST_HEAD:
            raise BadMessage
        return None
    lines = bytes(data[: end.start()]).decode("latin-1").split("\n")
    texts = [line.rstrip("\r") for line in lines]
    if any(not _is_clean(text) for text in texts):
        raise BadMessage
    headers = tuple((name.strip(), value.strip()) for name, _, value in (text.partition(":") for text in texts[1:]))
    message = RtspMessage(texts[0].strip(), headers)
    if message.start.startswith("RTSP/") and message.status is None:
        raise BadMessage
    length = message.header("content-length") or "0"
    if not (length.isascii() and length.isdecimal() and int(length) <= _MOST_BODY):
        raise BadMessage
    if len(data) < end.end() + int(length):
        return None
    _cut(data, end.end())
    return RtspMessage(message.start, headers, _cut(data, int(length)))


def _is_clean(text: str) -> bool:
    return all(sign == "\t" or " " <= sign != "\x7f" for sign in text)


def _held(transport: str, source: str | None) -> str:
    """One transport specification, with nobody's addresses but the one that is given."""
    held = _PLACE.sub("", transport)
    if "multicast" in held.lower():
        raise BadMessage
    return f"{held};source={source}" if source and "interleaved" not in held.lower() else held


def _cut(data: bytearray, size: int) -> bytes:
    found = bytes(data[:size])
    del data[:size]
    return found
