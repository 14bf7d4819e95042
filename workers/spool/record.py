"""A message as it lies in a spool file: magic, length, CRC, then time, key, headers and value. Pure."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from workers.bus.message_bus import Message

MAGIC = b"\xabLS1"
_HEAD = struct.Struct("<4sII")  # magic, length of the body, CRC-32 of the body
_BODY = struct.Struct("<qHH")  # wall clock in ns, length of the key, number of headers
_HEADER = struct.Struct("<HI")  # length of a header's name, of its value


class FoundRecord(NamedTuple):
    """One whole record: where it begins and ends, and its body."""

    offset: int
    end: int
    body: bytes


def encode(message: Message) -> bytes:
    """The record of a message; its time becomes one of the wall clock, which outlives this process."""
    age_ns = int((time.monotonic() - message.stamp_s) * 1e9)
    key = message.key.encode()
    parts = [_BODY.pack(time.time_ns() - age_ns, len(key), len(message.headers)), key]
    for name, value in message.headers:
        encoded = name.encode()
        parts += [_HEADER.pack(len(encoded), len(value)), encoded, value]
    body = b"".join([*parts, message.value])
    return _HEAD.pack(MAGIC, len(body), zlib.crc32(body)) + body


def decode(body: bytes, topic: str) -> Message:
    """The message of a record's body."""
    wall_ns, key_length, headers_count = _BODY.unpack_from(body)
    at = _BODY.size + key_length
    key = body[_BODY.size : at].decode()
    headers = []
    for _ in range(headers_count):
        name_length, value_length = _HEADER.unpack_from(body, at)
        at += _HEADER.size
        headers.append((body[at : at + name_length].decode(), body[at + name_length : at + name_length + value_length]))
        at += name_length + value_length
    stamp_s = time.monotonic() - (time.time_ns() - wall_ns) / 1e9
    return Message(topic, key, body[at:], tuple(headers), stamp_s)


def records(data: bytes, base: int = 0) -> Iterator[FoundRecord]:
    """The whole records in `data`, which begins at `base` of its file; what is damaged between them is skipped."""
    at = 0
    while (at := data.find(MAGIC, at)) >= 0:
        found = _record(data, at)
        if found is None:
            at += 1
            continue
        yield FoundRecord(base + at, base + at + _HEAD.size + len(found), found)
        at += _HEAD.size + len(found)


def _record(data: bytes, at: int) -> bytes | None:
    if len(data) - at < _HEAD.size:
        return None
    _, length, check = _HEAD.unpack_from(data, at)
    body = data[at + _HEAD.size : at + _HEAD.size + length]
    return body if len(body) == length and zlib.crc32(body) == check else None
