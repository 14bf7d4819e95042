"""Files written whole or not at all, even when the process or the machine dies. Any thread; waits for the disk."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

OWNER_ONLY = 0o600


def write_whole(
    path: Path, write: Callable[[IO[bytes]], object], mode: int = 0o644, error: type[Exception] | None = None
) -> None:
    """Let `write` fill a temporary file, flush it to the disk and rename it to `path`.

    Raises OSError; `error` instead, naming the file, where one is given.
    """
    try:
        _write(path, write, mode)
    except OSError as failure:
        if error is None:
            raise
        raise error(f"{path}: cannot write it: {failure.strerror or failure}") from failure


def _write(path: Path, write: Callable[[IO[bytes]], object], mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
            temporary = Path(file.name)
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
        temporary = None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str, mode: int = 0o644, error: type[Exception] | None = None) -> None:
    """Write `text` as UTF-8; see write_whole."""
    write_whole(path, lambda file: file.write(text.encode()), mode, error)


def make_once(path: Path, text: str, error: type[Exception]) -> None:
    """Make a file for its owner only, unless there is one: of several processes that make it the first one wins.

    Whole or not at all. Raises `error`, which names the file.
    """
    if path.exists():
        return
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # for its owner only
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            temporary.unlink()
    except OSError as failure:
        raise error(f"{path}: cannot write it: {failure.strerror or failure}") from failure


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """One at a time changes this file, over processes and threads. Not reentrant; waits. Raises OSError."""
    with (path.parent / f".{path.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def sync_folder(path: Path) -> None:
    """Flush a folder's entries, so that files created or renamed in it survive a crash of the machine."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
