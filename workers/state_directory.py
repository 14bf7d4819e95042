"""The state directory is for whoever runs the service, and nobody else. Looks at the disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import structlog

from workers.errors import SettingsError

log = structlog.get_logger(__name__)

UMASK = 0o077
_OTHERS = 0o077


def make_state_dir(path: Path) -> None:
    """Make the state directory if need be, and see that this process, from now on, makes files for its user only.

    One that others could read is tightened with all that is ours in it. Raises SettingsError when it cannot be written.
    """
    os.umask(UMASK)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"state_dir: {path}: {error.strerror or error}") from error
    if not os.access(path, os.W_OK):
        raise SettingsError(f"state_dir: {path}: not writable")
    tighten(path)


def tighten(path: Path) -> int:
    """Take from everybody but the owner what they may do with a folder and with what is in it; how much was changed.

    What belongs to another user is left alone, and links are not followed. In a folder that was closed already only
    what lies in it directly is looked at: nobody else reaches what is below.
    """
    was_open = open_to_others(path)
    changed = 0
    for entry in (path, *(_below(path) if was_open else _entries(path))):
        changed += _closed(entry)
    if was_open and open_to_others(path):
        log.warning("state_dir_open", path=str(path), reason="it belongs to another user; others may read it")
    elif changed:
        log.warning("state_dir_closed", path=str(path), changed=changed, reason="others could read it until now")
    return changed


def open_to_others(path: Path) -> bool:
    """Whether anybody but the owner may do anything there."""
    try:
        return bool(path.lstat().st_mode & _OTHERS)
    except OSError:
        return False


def _below(path: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(path):  # links are not followed
        yield from (Path(folder) / name for name in (*folders, *files))


def _entries(path: Path) -> list[Path]:
    try:
        return list(path.iterdir())
    except OSError:
        return []


def _closed(path: Path) -> bool:
    """Whether it was open to others, is ours, and is closed now."""
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid() or not found.st_mode & _OTHERS:
            return False
        path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
    except OSError:  # gone meanwhile, or a disk that knows no modes
        return False
    return True
