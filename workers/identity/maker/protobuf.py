"""Messages in protobuf's wire format, as far as ONNX files need it: read, changed and written without a schema. Pure.

Serving has no `onnx` package, and the face model is made once, where Livesight runs. A message is the list of its
fields in order; what a caller does not know of stays as it was.
Format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from workers.errors import ModelError

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5
_WIDTHS = {FIXED64: 8, FIXED32: 4}
_MOST_VARINT_BYTES = 10
_SIGN = 1 << 63

Value = int | bytes
Field = tuple[int, int, Value]
"""Number, wire type, value: an int of a varint, else the bytes."""


class WireMessage:
    """The fields of one message. Raises ModelError for bytes that are none."""

    def __init__(self, data: bytes = b"") -> None:
        self.fields: list[Field] = list(_fields(memoryview(data)))

    def all(self, number: int) -> list[bytes]:
        """The values of a repeated field of strings, bytes or messages."""
        return [value for field, _, value in self.fields if field == number and isinstance(value, bytes)]

    def value(self, number: int) -> bytes:
        """The last value of a field; empty where there is none."""
        found = self.all(number)
        return found[-1] if found else b""

    def text(self, number: int) -> str:
        """The last value of a field, as text."""
        return self.value(number).decode(errors="replace")

    def texts(self, number: int) -> list[str]:
        """The values of a repeated field, as texts."""
        return [value.decode(errors="replace") for value in self.all(number)]

    def whole(self, number: int, default: int = 0) -> int:
        """The last value of a field of whole numbers, with its sign."""
        found = self.wholes(number)
        return found[-1] if found else default

    def wholes(self, number: int) -> list[int]:
        """The values of a repeated field of whole numbers, whether they are packed or not."""
        found: list[int] = []
        for field, _, value in self.fields:
            if field == number:
                found.extend([_signed(value)] if isinstance(value, int) else map(_signed, _varints(value)))
        return found

    def set(self, number: int, values: Iterable[Value]) -> None:
        """Put these values in the place of all that the field had."""
        kept = [field for field in self.fields if field[0] != number]
        added = [(number, VARINT if isinstance(value, int) else BYTES, value) for value in values]
        self.fields = [*kept, *added]

    def encode(self) -> bytes:
        """The message's bytes."""
        out = bytearray()
        for number, kind, value in self.fields:
            out += _varint(number << 3 | kind)
            if isinstance(value, int):
                out += _varint(value % (1 << 64))
                continue
            if kind == BYTES:
                out += _varint(len(value))
            out += value
        return bytes(out)


def _fields(data: memoryview) -> Iterator[Field]:
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            whole, at = _read_varint(data, at)
            yield number, kind, whole
            continue
        if kind == BYTES:
            length, at = _read_varint(data, at)
        elif kind in _WIDTHS:
            length = _WIDTHS[kind]
        else:
            raise ModelError(f"no ONNX file: a field of the unknown kind {kind}")
        if at + length > len(data):
            raise ModelError("no ONNX file, or one that was cut off")
        yield number, kind, bytes(data[at : at + length])
        at += length


def _varints(data: bytes) -> Iterator[int]:
    at, view = 0, memoryview(data)
    while at < len(view):
        value, at = _read_varint(view, at)
        yield value


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for index in range(_MOST_VARINT_BYTES):
        if at + index >= len(data):
            break
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise ModelError("no ONNX file, or one that was cut off")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= _SIGN else value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
