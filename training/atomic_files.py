"""Files that are there whole or not at all, with training's errors. Pure apart from the disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

from training.errors import RunError
from workers import atomic_files as durable


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """See workers.durable. Raises RunError when the disk refuses."""
    try:
        durable.write_whole(path, write)
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror or error}") from error


def write_text(path: Path, text: str) -> None:
    """See write_whole."""
    write_whole(path, lambda file: file.write(text.encode()))
