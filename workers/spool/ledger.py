"""What a spool remembers of itself: how much is on its way, and what of the files is done. Runs in the bus's thread.

Two slots are written in turn, each with a number and a CRC: a write that is cut off leaves the one before. A write
survives the death of the process at once, and that of the machine with the next `sync`.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

SLOT_BYTES = 8192
_HEAD = struct.Struct("<4sQII")  # magic, number of the write, length, CRC-32
_MAGIC = b"LSl1"


@dataclass(frozen=True, slots=True)
class Entry:
    """One topic: published and neither confirmed nor given up; the first record that is not done."""

    outstanding: int = 0
    segment: int = 0
    offset: int = 0


class SpoolLedger:
    """One file. Raises OSError when the disk refuses."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._number = 0
        self._last: dict[str, Entry] | None = None

    def read(self) -> dict[str, Entry]:
        """What was written last; empty when there is nothing that can be read."""
        best: dict[str, Entry] = {}
        for slot in range(2):
            data = os.pread(self._fd, SLOT_BYTES, slot * SLOT_BYTES)
            if len(data) < _HEAD.size:
                continue
            magic, number, length, check = _HEAD.unpack_from(data)
            text = data[_HEAD.size : _HEAD.size + length]
            if magic == _MAGIC and zlib.crc32(text) == check and number > self._number:
                self._number = number
                best = {topic: Entry(*values) for topic, values in json.loads(text).items()}
        return best

    def write(self, entries: dict[str, Entry]) -> None:
        """Replace it, if it changed."""
        if entries == self._last:
            return
        text = json.dumps({topic: [e.outstanding, e.segment, e.offset] for topic, e in entries.items()}).encode()
        if _HEAD.size + len(text) > SLOT_BYTES:
            raise OSError(f"too many topics for the ledger: {len(entries)}")
        self._number += 1
        head = _HEAD.pack(_MAGIC, self._number, len(text), zlib.crc32(text))
        os.pwrite(self._fd, head + text, self._number % 2 * SLOT_BYTES)
        self._last = dict(entries)

    def sync(self) -> None:
        """Have it on disk."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
