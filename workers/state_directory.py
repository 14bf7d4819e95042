"""The state directory is for whoever runs the service, and nobody else. Looks at the disk.

A directory is Livesight's when nothing lies in it but what Livesight writes. Of any other only that is touched, and one
that is plainly somebody's or everybody's (a home, a checkout, /tmp) is refused: what lies there was open for a reason.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from workers.errors import SettingsError

log = structlog.get_logger(__name__)

UMASK = 0o077
_OTHERS = 0o077
_OWN_FILE = re.compile(
    r"\.?(livesight\.db|accounts\.db|streams\.json|wishes\.json|links\.secret|secrets\.key|audit\.jsonl|audit-heads\.json)"
    r"(-\w+|\.lock)?"
    r"|(streams|wishes)\.broken(-\w+)?"
)
"""With what is kept beside a database, what is being written, and what could not be read and was moved aside."""

_OWN_FOLDERS = frozenset({"media", "models", "spool"})
_OF_THE_DISK = frozenset({"lost+found"})
_CHECKOUTS = (".git", ".hg", ".svn")
_SYSTEM = frozenset(
    map(
        Path, "/bin /boot /dev /etc /home /lib /mnt /opt /run /sbin /srv /usr /usr/local /var /var/lib /var/log".split()
    )
)
_NAMED = 3


def make_state_dir(path: Path) -> None:
    """Make the state directory if need be, and see that this process, from now on, makes files for its user only.

    One that others could read is tightened with all that is Livesight's in it. Raises SettingsError when it cannot be
    written, and when it plainly is somebody else's.
    """
    os.umask(UMASK)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"state_dir: {path}: {error.strerror or error}") from error
    if (reason := why_refused(path)) is not None:
        raise SettingsError(f"state_dir: {path}: {reason}")
    if not os.access(path, os.W_OK):
        raise SettingsError(f"state_dir: {path}: not writable")
    tighten(path)


def why_refused(path: Path) -> str | None:
    """Why a directory that exists can hold no state, and what to do; None where it can."""
    place = path.resolve()
    mode = place.stat().st_mode
    own, foreign = _own_and_foreign(place)
    if place == Path(place.anchor) or (mode & stat.S_ISVTX and mode & stat.S_IWOTH):
        kind = "is everybody's"
    elif not foreign:
        return None
    elif place in _SYSTEM or place.parent == Path("/proc"):
        kind = "belongs to the system"
    elif place == _home():
        kind = "is a home directory"
    elif any((place / name).exists() for name in _CHECKOUTS):
        kind = "is a checkout"
    else:
        return None
    move = f", and move there what is Livesight's: {', '.join(entry.name for entry in own)}" if own else ""
    return f"it {kind}; give Livesight a directory of its own, such as {place / 'livesight-state'}{move}"


def tighten(path: Path) -> int:
    """Take from everybody but the owner what they may do with a state directory and with what is in it; how much was
    changed.

    Where other things lie in it too, they and the directory stay as they are. What belongs to another user is left
    alone, and links are not followed. Below a folder that was closed already nothing is looked at: nobody reaches it.
    """
    path = path.resolve()
    own, foreign = _own_and_foreign(path)
    changed = 0
    for entry in own:
        below = list(_below(entry)) if open_to_others(entry) and not entry.is_symlink() else []
        changed += sum(_closed(one) for one in (entry, *below))
    if not foreign:
        changed += _closed(path)
    if changed:
        log.warning("state_dir_closed", path=str(path), changed=changed, reason="others could read it until now")
    if open_to_others(path):
        log.warning("state_dir_open", path=str(path), reason=why_open(path))
    return changed


def open_to_others(path: Path) -> bool:
    """Whether anybody but the owner may do anything there."""
    try:
        return bool(path.lstat().st_mode & _OTHERS)
    except OSError:
        return False


def why_open(path: Path) -> str:
    """Why a state directory stays open, and what to do."""
    place = path.resolve()
    _, foreign = _own_and_foreign(place)
    if not foreign:
        mine = place.stat().st_uid == os.geteuid()
        return f"others may read it; chmod 700 {path}" if mine else "it belongs to another user; others may read it"
    named = ", ".join(entry.name for entry in foreign[:_NAMED]) + (", …" if len(foreign) > _NAMED else "")
    return f"others may read it, and not all in it is Livesight's ({named}): give Livesight a directory of its own"


def _own_and_foreign(path: Path) -> tuple[Sequence[Path], Sequence[Path]]:
    """What in a directory Livesight wrote, and what not.

    `media` or `models` may be anybody's: they count as Livesight's where files of it lie beside, or nothing else does.
    """
    try:
        entries = sorted(entry for entry in path.iterdir() if entry.name not in _OF_THE_DISK)
    except OSError:
        return (), ()
    files = [entry for entry in entries if _OWN_FILE.fullmatch(entry.name)]
    folders = [entry for entry in entries if entry.name in _OWN_FOLDERS]
    own = files + folders if files or len(folders) == len(entries) else []
    return own, [entry for entry in entries if entry not in own]


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except RuntimeError:  # a user without one
        return None


def _below(path: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(path):  # links are not followed
        yield from (Path(folder) / name for name in (*folders, *files))


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
