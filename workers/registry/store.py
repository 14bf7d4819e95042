"""Promoted models on disk: `{home}/{name}/{version}/`, `current`, and the history. Any thread, under `locked`.

Every change is atomic: a version is copied under another name, checked, and renamed; the link `current` is replaced by
a rename. `current` alone says what is in service; `history.json` says what was before, for rolling back.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from workers.atomic_files import OWNER_ONLY, sync_folder, write_text
from workers.errors import ModelDamaged, PromotionError
from workers.model_card import CARD_FILE, CURRENT, load_card
from workers.model_files import MOST_CARD_BYTES, copy_inside, read_inside
from workers.validation import first_reason

log = structlog.get_logger(__name__)

HISTORY = "history.json"
_MAX_HISTORY = 100


class PromotionRecord(BaseModel):
    """One change of the version in service; `at_ns` is the wall clock."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    before: int
    after: int
    at_ns: int


_HISTORY: TypeAdapter[tuple[PromotionRecord, ...]] = TypeAdapter(tuple[PromotionRecord, ...])


class PromotedModels:
    """The folder `home` (`state_dir/models`). Raises OSError when the disk refuses."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._lock = threading.Lock()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One change at a time, over threads and processes that share the folder."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self._lock, (self.home / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def current(self, name: str) -> int | None:
        """The promoted version of a model; None when none was."""
        try:
            target = os.readlink(self.home / name / CURRENT)
        except OSError:
            return None
        version = Path(target).name
        return int(version) if version.isdigit() else None

    def stamp(self, name: str) -> int:
        """Changes whenever `current` is replaced."""
        try:
            return (self.home / name / CURRENT).lstat().st_mtime_ns
        except OSError:
            return 0

    def add(self, source: Path, name: str, version: int) -> Path:
        """Store a copy of the model in `source` as version `version`; returns its folder.

        Raises ModelError when a file is not what the card says, or when another model has that version here already.
        """
        target = self.home / name / str(version)
        if source == target or source.resolve() == target.resolve():
            load_card(target)
            return target
        card = load_card(source)
        if target.exists():
            known = load_card(target)
            if known.model_copy(update={"words": card.words}) != card:
                raise PromotionError(f"{target}: another model already has this version; give yours a new one")
            if known.words != card.words:  # the same model, called otherwise
                write_text(target / CARD_FILE, read_inside(source, CARD_FILE, MOST_CARD_BYTES).decode(), OWNER_ONLY)
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        for unfinished in target.parent.glob(".*.copy"):  # of a process that was killed; we hold the lock
            shutil.rmtree(unfinished, ignore_errors=True)
        copy = target.parent / f".{version}.copy"
        try:
            for path in (CARD_FILE, *card.files):
                copy_inside(source, path, copy)
            load_card(copy)
            copy.rename(target)
        except BaseException:
            shutil.rmtree(copy, ignore_errors=True)
            raise
        sync_folder(target.parent)
        return target

    def set_current(self, name: str, version: int) -> None:
        """Put `version` in service: for processes that start, and those that watch `current`."""
        folder = self.home / name
        fresh = folder / f".{CURRENT}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(str(version))
        fresh.replace(folder / CURRENT)
        sync_folder(folder)

    def history(self, name: str) -> tuple[PromotionRecord, ...]:
        """The changes, oldest first. Raises ModelDamaged when the file cannot be read."""
        path = self.home / name / HISTORY
        try:
            return _HISTORY.validate_json(path.read_bytes())
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise ModelDamaged(f"{path}: cannot read it: {error.strerror or error}") from error
        except ValidationError as error:
            raise ModelDamaged(f"{path}: {first_reason(error, 'history')}") from error

    def record(self, name: str, before: int, after: int) -> None:
        """Record a change before it is made; one that is not made after all is skipped by `previous`."""
        try:
            known = self.history(name)
        except ModelDamaged as error:
            log.warning("history_unreadable", model=name, error=str(error))
            known = ()
        self._write(name, (*known, PromotionRecord(before=before, after=after, at_ns=time.time_ns()))[-_MAX_HISTORY:])

    def previous(self, name: str) -> int:
        """The version that was in service before this one. Raises PromotionError when there was none."""
        now, known = self.current(name), self.history(name)
        for change in reversed(known):
            if change.after == now:
                return change.before
        raise PromotionError(f"model {name}: no promotion to roll back")

    def forget(self, name: str, after: int) -> None:
        """Forget the change to `after`, which was rolled back, and those that followed it."""
        known = list(self.history(name))
        while known and known.pop().after != after:
            pass
        self._write(name, tuple(known))

    def _write(self, name: str, changes: tuple[PromotionRecord, ...]) -> None:
        content = json.dumps([change.model_dump() for change in changes])
        write_text(self.home / name / HISTORY, content, OWNER_ONLY)
