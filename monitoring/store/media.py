"""Snapshots and clips: files under state_dir/media/DATE, a row each. Any thread; blocks.

A file is written before its row is committed and deleted after its row is gone: what a crash leaves behind is a file
without a row, which `sweep` finds.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import threading
import uuid
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Connection, RowMapping, Table, and_, delete, insert, or_, select

from monitoring.core.errors import ResultsUnknown
from monitoring.store.overlay import with_boxes
from monitoring.store.tables import media
from workers.bus.media import RESULT_LINES
from workers.logs import StateLog

log = structlog.get_logger(__name__)

_MOST_SESSIONS = 200
EXTENSIONS = {"image/jpeg": "jpg", "video/mp4": "mp4", "video/webm": "webm", RESULT_LINES: "jsonl.gz"}


@dataclass(frozen=True, slots=True)
class MediaFile:
    """What a file is of. `kind`: crop or picture (the whole image), of a track; clip or results (of its frames), of an
    event. `pts_us` of results: of the clip's first frame.

    `boxes`: what was found in that frame, as monitoring/store/overlay.py writes it.
    """

    kind: str
    stream_id: str
    session: str
    pts_us: int
    captured_at_ns: int
    media_type: str
    track_id: int | None = None
    event_id: uuid.UUID | None = None
    quality: float | None = None
    boxes: str | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many rows were deleted, and which files are to go (`unlink`) once that is committed."""

    rows: int
    paths: list[str]


class MediaStore:
    """One file of each kind, the latest, for a track; likewise for an event."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._problem_log = StateLog(log, "media_not_deleted")

    def put(self, connection: Connection, file: MediaFile, data: bytes) -> list[str]:
        """Write the file and, in the caller's transaction, its row. Raises OSError.

        Returns the paths of files that this one replaces: to be given to `unlink` after the commit.
        """
        return self.add(connection, file, self.write(file, data), len(data))

    def write(self, file: MediaFile, data: bytes) -> str:
        """The file alone; returns its path, for `add`. Raises OSError."""
        day = datetime.fromtimestamp(file.captured_at_ns / 1e9, UTC).strftime("%Y-%m-%d")
        (self.folder / day).mkdir(parents=True, exist_ok=True)
        name = _name(file)
        target = self.folder / day / name
        partial = target.with_name(name + ".part")
        partial.write_bytes(data)
        os.replace(partial, target)
        return f"{day}/{name}"

    def add(self, connection: Connection, file: MediaFile, path: str, size: int) -> list[str]:
        """The row of a file that is written; see `put`."""
        replaced = self.remove(connection, file)
        row: dict[str, Any] = {name: getattr(file, name) for name in MediaFile.__dataclass_fields__}
        connection.execute(insert(media).values(**row, path=path, bytes=size))
        return [old for old in replaced if old != path]

    def remove(self, connection: Connection, file: MediaFile) -> list[str]:
        """Delete the row that `file` would replace. Returns the path of its file, for `unlink` after the commit."""
        same = _same(file)
        paths = list(connection.scalars(select(media.c.path).where(*same)))
        connection.execute(delete(media).where(*same))
        return paths

    def path(self, row: RowMapping) -> Path:
        """Where a row's file is."""
        return self.folder / str(row["path"])

    def image(self, row: RowMapping, overlay: bool) -> bytes:
        """A crop or picture as a JPEG, with its boxes if `overlay`. Raises OSError.

        Read in one go: a better one may take its place meanwhile.
        """
        data = self.path(row).read_bytes()
        return with_boxes(data, row["boxes"]) if overlay else data

    def results(self, row: RowMapping) -> bytes:
        """The results of a clip's frames, JSON lines. Raises OSError, and ResultsUnknown where the file is damaged."""
        data = self.path(row).read_bytes()
        try:
            return gzip.decompress(data or b"\0")  # of nothing it would make nothing
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ResultsUnknown("the file of the clip's results is damaged; the video is there") from error

    def unlink(self, paths: Collection[str]) -> None:
        """Delete files whose rows are gone; folders that become empty too."""
        for path in paths:
            try:
                (self.folder / path).unlink(missing_ok=True)
            except OSError as error:
                with self._lock:
                    self._problem_log.note(error.strerror or str(error), path=path)
        for folder in {(self.folder / path).parent for path in paths}:
            try:
                folder.rmdir()
            except OSError:  # not empty, or gone
                continue

    def sweep(self, known: Collection[str], before_s: float) -> int:
        """Delete files older than `before_s` (time.time()) that have no row; returns how many."""
        found = [str(path.relative_to(self.folder)) for path in self.folder.glob("*/*") if _older(path, before_s)]
        lost = [path for path in found if path not in known]
        self.unlink(lost)
        return len(lost)


Track = tuple[str, str, int | None]
"""Stream, session and number of a track: sessions of two streams may be called the same."""


def track_of(row: Mapping[Any, Any]) -> Track:
    """The track that a row of events, alerts or media is of, or an event as JSON."""
    return row["stream_id"], row["session"], row["track_id"]


def of_tracks(connection: Connection, tracks: Collection[Track]) -> Sequence[RowMapping]:
    """The rows of these tracks."""
    return [
        row
        for condition in about_tracks(media, tracks)
        for row in connection.execute(select(media).where(condition)).mappings()
    ]


def about_tracks(table: Table, tracks: Collection[Track]) -> Iterator[ColumnElement[bool]]:
    """Conditions for the rows in `table` of these sessions and numbers, some each, by an index on the two.

    Sessions of two streams may be called the same: of media, whose index begins with it, the stream is demanded too;
    elsewhere the caller leaves out others, as SQLite would rather read all rows of the stream. Not a list of tuples,
    for which it reads the whole table.
    """
    numbers: dict[tuple[str, str], list[int | None]] = {}
    for stream_id, session, number in sorted(tracks, key=str):
        numbers.setdefault((stream_id if table is media else "", session), []).append(number)
    sessions = []
    for (stream_id, session), found in numbers.items():
        stream = [table.c.stream_id == stream_id] if stream_id else []
        sessions.append(and_(*stream, table.c.session == session, table.c.track_id.in_(found)))
    for at in range(0, len(sessions), _MOST_SESSIONS):
        yield or_(*sessions[at : at + _MOST_SESSIONS])


def of_events(connection: Connection, ids: Collection[uuid.UUID]) -> Sequence[RowMapping]:
    """The clips of these events, a row each."""
    clips = select(media).where(media.c.event_id.in_(ids), media.c.kind == "clip")
    return connection.execute(clips).mappings().all()


def packed(results: bytes) -> bytes:
    """The JSON lines of a clip's results as they are stored; `MediaStore.results` reads them."""
    return gzip.compress(results, mtime=0)


def _name(file: MediaFile) -> str:
    """Of the file: a hash, as no text that came from elsewhere is part of a path."""
    whose = file.event_id if file.track_id is None else file.track_id
    of = "\x1f".join(map(str, (file.stream_id, file.session, whose, file.pts_us, file.kind)))
    return f"{hashlib.sha256(of.encode(errors='replace')).hexdigest()[:40]}.{EXTENSIONS[file.media_type]}"


def _same(file: MediaFile) -> list[Any]:
    if file.event_id is not None:
        return [media.c.event_id == file.event_id, media.c.kind == file.kind]
    return [
        media.c.stream_id == file.stream_id,
        media.c.session == file.session,
        media.c.track_id == file.track_id,
        media.c.kind == file.kind,
    ]


def _older(path: Path, before_s: float) -> bool:
    try:
        return path.is_file() and path.stat().st_mtime < before_s
    except OSError:
        return False
