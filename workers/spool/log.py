"""The spool of one topic: numbered files of records, read in order and removed when done. Runs in the bus's thread.

A file that this process began is appended to until it is full; those of earlier runs are only read. Everything raises
OSError when the disk refuses; what could not be written whole is cut off again.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from workers.atomic_files import sync_folder
from workers.bus.message_bus import Message
from workers.spool.record import FoundRecord, decode, encode, records

FIRST_NUMBER = 10**9  # files are numbered upwards from here; one that must come before all others gets a lower number
CHUNK_BYTES = 4 * 2**20


class Position(NamedTuple):
    """Where a record lies."""

    segment: int
    offset: int


@dataclass(slots=True)
class Segment:
    """One file. `mark`: unlike that of any other file; `records`: whole ones in it, of which `read` and `settled`."""

    number: int
    mark: int
    path: Path
    size: int = 0
    records: int = 0
    read: int = 0
    settled: int = 0
    read_at: int = 0


class TopicLog:
    """Append at the end, read from the front, settle what is confirmed, drop the oldest file."""

    def __init__(self, folder: Path, topic: str, segment_bytes: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.topic = topic
        self.damaged = 0  # records found missing while reading
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._segments: dict[int, Segment] = {}  # by number, ascending
        self._open: dict[Position, None] = {}  # read and not settled, in the order of reading
        self._active: Segment | None = None
        self._fd = -1
        self._unsynced = False
        self._last = FIRST_NUMBER - 1  # numbers are not used twice in a run: positions of a file that is gone are void
        self._first = FIRST_NUMBER

    @property
    def unread(self) -> int:
        """Records still to be read."""
        return sum(segment.records - segment.read for segment in self._segments.values())

    @property
    def pending(self) -> int:
        """Records that are not settled."""
        return sum(segment.records - segment.settled for segment in self._segments.values())

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(segment.size for segment in self._segments.values())

    @property
    def cursor(self) -> tuple[int, int]:
        """Mark and offset of the first record that is not done; where the next start goes on. (0, 0) when all are."""
        for position in self._open:
            if position.segment in self._segments:
                return self._segments[position.segment].mark, position.offset
        for segment in self._segments.values():
            if segment.read < segment.records:
                return segment.mark, segment.read_at
        return 0, 0

    def recover(self, cursor: tuple[int, int]) -> int:
        """Take over the files of an earlier run; of the one that `cursor` marks, what comes before it is done.

        Returns how many records there are.
        """
        for path in sorted(self._folder.glob("*.log")):
            parts = path.stem.split("-")
            if len(parts) != 2 or not all(part.isdigit() for part in parts):
                continue
            number, mark = (int(part) for part in parts)
            begin = cursor[1] if mark == cursor[0] else 0
            offsets = [found.offset for found in records(path.read_bytes()) if found.offset >= begin]
            self._last, self._first = max(self._last, number), min(self._first, number)
            if offsets:
                size = path.stat().st_size
                self._segments[number] = Segment(number, mark, path, size, len(offsets), read_at=offsets[0])
            else:
                path.unlink()
        return self.pending

    def append(self, message: Message) -> None:
        """Add a message at the end, whole or, with OSError, not at all."""
        data = encode(message)
        if self._active is None or self._active.size + len(data) > self._segment_bytes:
            self._begin()
        assert self._active is not None
        self._write(self._active, data)

    def prepend(self, messages: Sequence[Message]) -> list[Position]:
        """Write messages that are on their way already, before everything else; they count as read."""
        self._first -= 1
        number, mark = self._first, time.time_ns()
        path = self._path(number, mark)
        encoded = [encode(message) for message in messages]
        try:
            with path.open("xb") as file:
                file.write(b"".join(encoded))
                file.flush()
                os.fdatasync(file.fileno())
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise
        offsets = [0]
        for data in encoded:
            offsets.append(offsets[-1] + len(data))
        size, count = offsets.pop(), len(encoded)
        segment = Segment(number, mark, path, size, records=count, read=count, read_at=size)
        self._segments = {number: segment, **self._segments}
        positions = [Position(number, offset) for offset in offsets]
        self._open = {**dict.fromkeys(positions), **self._open}
        return positions

    def read(self, most: int, most_bytes: int) -> list[tuple[Position, Message]]:
        """The next records, in order; they stay on disk until settled."""
        taken: list[tuple[Position, Message]] = []
        room = most_bytes
        for segment in list(self._segments.values()):
            while segment.read < segment.records and len(taken) < most and room > 0:
                before = len(taken)
                for found in self._chunk(segment):
                    if len(taken) >= most or room <= 0:
                        break
                    taken.append((Position(segment.number, found.offset), decode(found.body, self.topic)))
                    segment.read += 1
                    segment.read_at = found.end
                    room -= found.end - found.offset
                if len(taken) == before:
                    self._damage(segment)
            if len(taken) >= most or room <= 0:
                break
        self._open.update(dict.fromkeys(position for position, _ in taken))
        return taken

    def settle(self, position: Position) -> None:
        """A record that was read is done; files that are done go."""
        self._open.pop(position, None)
        segment = self._segments.get(position.segment)
        if segment is not None:
            segment.settled += 1
            if segment.settled == segment.records:
                self._remove(segment)

    def drop_oldest(self) -> int:
        """Remove the oldest file; returns how many of its records were not read."""
        segment = next(iter(self._segments.values()))
        self._remove(segment)
        return segment.records - segment.read

    def sync(self) -> None:
        """Have what was appended on disk."""
        if self._unsynced and self._fd >= 0:
            os.fdatasync(self._fd)
        self._unsynced = False

    def close(self) -> None:
        """What is there stays for the next start. Idempotent."""
        self._seal()

    def _chunk(self, segment: Segment) -> list[FoundRecord]:
        """Whole records from where reading goes on; empty when the rest of the file has none."""
        length = CHUNK_BYTES
        with segment.path.open("rb") as file:
            while True:
                file.seek(segment.read_at)
                data = file.read(length)
                found = list(records(data, segment.read_at))
                if found or len(data) < length:
                    return found
                length *= 4

    def _damage(self, segment: Segment) -> None:
        """The rest of a file cannot be read: count it, and go on with the next."""
        self.damaged += segment.records - segment.read
        segment.records = segment.read
        if segment is self._active:
            self._seal()
        if segment.settled == segment.records:
            self._remove(segment)

    def _path(self, number: int, mark: int) -> Path:
        return self._folder / f"{number:012d}-{mark}.log"

    def _begin(self) -> None:
        self._seal()
        number, mark = self._last + 1, time.time_ns()
        segment = Segment(number, mark, self._path(number, mark))
        self._fd = os.open(segment.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._last = number
        self._segments[number] = self._active = segment
        sync_folder(self._folder)

    def _write(self, segment: Segment, data: bytes) -> None:
        try:
            written = os.write(self._fd, data)
            if written < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, segment.size)
            self._seal()
            if not segment.records:
                self._remove(segment)
            raise
        segment.size += len(data)
        segment.records += 1
        self._unsynced = True

    def _seal(self) -> None:
        if self._fd >= 0:
            try:
                self.sync()
            finally:
                os.close(self._fd)
                self._fd = -1
        self._active = None

    def _remove(self, segment: Segment) -> None:
        if segment is self._active:
            os.close(self._fd)
            self._fd, self._active, self._unsynced = -1, None, False
        self._segments.pop(segment.number, None)
        with suppress(FileNotFoundError):
            segment.path.unlink()
