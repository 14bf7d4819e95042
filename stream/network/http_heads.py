"""The heads of HTTP answers as cameras write them, made such that a strict parser takes them. Pure.

Cameras answer `ICY 200 OK`, leave out colons, put spaces and null bytes into headers, and give a stream without end a
length. Browsers and FFmpeg read all that; h11, on which httpx stands, refuses it. Each request has a connection of its
own or waits for the answer before, so that nobody can smuggle an answer by a length that is read differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MOST_HEAD = 64 * 1024
_END = re.compile(rb"\n\r*\n")
_STATUS = re.compile(rb"[A-Za-z][!-~]{0,15}[ \t]+([1-9][0-9]{2})(?:[ \t]+(.*))?", re.DOTALL)
_STATUS_BEGINS = re.compile(rb"[A-Za-z][!-~]{0,15}(?:[ \t]|$)")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS = bytes(sign if sign > 31 and sign != 127 else 32 for sign in range(256))
_LENGTH = re.compile(rb"[0-9]{1,18}")
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


def take_head(data: bytearray) -> bytes | None:
    """Take the head of the final answer from the front of `data`, mended; None while it is not whole.

    What is no head at all is taken as it is, for the parser to refuse.
    """
    while True:
        while data.startswith((b"\r", b"\n")):
            del data[:1]
        if not _STATUS_BEGINS.match(data[:17]):
            return _cut(data, len(data)) or None
        end = _END.search(data)
        if end is None:
            return _cut(data, len(data)) if len(data) > _MOST_HEAD else None
        head = _cut(data, end.end())
        mended = _mended(head)
        if mended is None:
            return head
        if not mended.startswith(b"1", len(b"HTTP/1.x ")):  # `100 Continue` is not the answer yet
            return mended


def _mended(head: bytes) -> bytes | None:
    """The head in the form of RFC 9112; None where there is no status."""
    lines = [line.rstrip(b"\r") for line in head.rstrip(b"\r\n").split(b"\n")]
    status = _STATUS.fullmatch(lines[0])
    if status is None:
        return None
    version = b"HTTP/1.1" if lines[0].upper().startswith(b"HTTP/1.1") else b"HTTP/1.0"
    headers = _framed(list(_headers(lines[1:])))
    reason = (status[2] or b"").translate(_CONTROLS).strip()
    start = b" ".join((version, status[1], reason))
    return b"\r\n".join([start, *(b"%s: %s" % pair for pair in headers), b"", b""])


def _headers(lines: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Names and values; what is no header is left out, and a header over several lines becomes one."""
    joined: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and joined:
            joined[-1] += b" " + line.strip()
        else:
            joined.append(line)
    for line in joined:
        name, colon, value = line.partition(b":")
        if colon and _NAME.fullmatch(name.strip()):
            yield name.strip(), value.translate(_CONTROLS).strip()


def _framed(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers with one statement at most of how long the body is: chunked, or the first length that is a number.

    A stream of several parts has no length, whatever it says: it ends with the connection.
    """
    named = [(name.lower(), value.lower()) for name, value in headers]
    chunked = any(name == b"transfer-encoding" and b"chunked" in value for name, value in named)
    endless = any(name == b"content-type" and value.startswith(b"multipart/") for name, value in named)
    lengths = [value for name, value in named if name == b"content-length" and _LENGTH.fullmatch(value)]
    kept = [(name, value) for name, value in headers if name.lower() not in _FRAMING]
    if chunked:
        kept.append((b"transfer-encoding", b"chunked"))
    elif lengths and not endless:
        kept.append((b"content-length", lengths[0]))
    return kept


def _cut(data: bytearray, size: int) -> bytes:
    found = bytes(data[:size])
    del data[:size]
    return found
