"""Files written whole or not at all, even when the process or the machine dies. Any thread; waits for the disk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
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


def sync_folder(path: Path) -> None:
    """Flush a folder's entries, so that files created or renamed in it survive a crash of the machine."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
