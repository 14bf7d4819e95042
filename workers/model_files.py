"""Files of a model's folder, as whoever made the folder left them: nothing outside it is read. Any thread; blocks.

A folder may come from anywhere. So only regular files count, reached without following a link below the folder, and of
a bounded size: a named pipe would be waited for, and a link would have another file copied in the model's name.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path, PurePosixPath

from workers.errors import ModelDamaged

MOST_BYTES = 4 * 2**30
MOST_CARD_BYTES = 16 * 2**20
_CHUNK = 2**20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def is_inside(name: str) -> bool:
    """Whether a name in a card is a path below the folder, in its one form."""
    path = PurePosixPath(name)
    plain = name.isprintable() and "\\" not in name and str(path) == name
    return plain and not path.is_absolute() and ".." not in path.parts and name not in ("", ".")


@contextmanager
def open_inside(folder: Path, name: str, most_bytes: int = MOST_BYTES) -> Iterator[BufferedReader]:
    """Open a file below the folder for reading. Raises OSError, and ModelDamaged for what is no plain file."""
    *folders, last = PurePosixPath(name).parts
    handle = os.open(folder, _FOLDER)
    try:
        for part in folders:
            inner = _opened(part, _FOLDER | os.O_NOFOLLOW, handle, folder / name)
            os.close(handle)
            handle = inner
        file = _opened(last, _FILE, handle, folder / name)
    finally:
        os.close(handle)
    with os.fdopen(file, "rb") as opened:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise ModelDamaged(f"{folder / name}: is no regular file; put the file itself there")
        if found.st_size > most_bytes:
            raise ModelDamaged(f"{folder / name}: has {found.st_size} bytes; at most {most_bytes} are read")
        yield opened


def read_inside(folder: Path, name: str, most_bytes: int) -> bytes:
    """The content of a file below the folder. Raises as `open_inside`."""
    with open_inside(folder, name, most_bytes) as file:
        return file.read(most_bytes)


def sha256_inside(folder: Path, name: str) -> str:
    """The sha256, hex, of a file below the folder. Raises as `open_inside`."""
    with open_inside(folder, name) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_inside(source: Path, name: str, target: Path) -> None:
    """Copy a file below one folder to the same place below another, and flush it. Raises as `open_inside`."""
    copy = target / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    with open_inside(source, name) as reader, copy.open("xb") as writer:
        left = os.fstat(reader.fileno()).st_size  # a file that grows meanwhile is not followed
        while left > 0 and (data := reader.read(min(_CHUNK, left))):
            writer.write(data)
            left -= len(data)
        writer.flush()
        os.fsync(writer.fileno())


def _opened(name: str, flags: int, folder: int, shown: Path) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        if error.errno == errno.ENOTDIR and flags & os.O_DIRECTORY:
            is_link = stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
        if is_link:
            raise ModelDamaged(f"{shown}: is reached by a symbolic link; put the file itself there") from error
        raise
