"""Streams added over HTTP survive a restart: one JSON file under the state directory. Any thread."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import structlog
from pydantic import TypeAdapter, ValidationError

from stream.config import StreamConfig
from workers.atomic_files import OWNER_ONLY, exclusive, write_text
from workers.errors import StateUnwritable
from workers.secrets.keys import NO_KEYS, SecretKeys
from workers.secrets.stored_stream import LockedStream, StoredStream, is_stale, opened, stored
from workers.validation import first_reason

log = structlog.get_logger(__name__)

_ENTRIES: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(list[dict[str, Any]])


class LocalStreams:
    """Configurations by stream id. The file is written whole and renamed into place, its secrets encrypted.

    What is plain text there, or encrypted with an older key, is encrypted anew when it is first read.
    """

    def __init__(self, state_dir: Path, keys: SecretKeys = NO_KEYS) -> None:
        self._path = state_dir / "streams.json"
        self._keys = keys
        self._lock = threading.Lock()
        self._configs: dict[str, StreamConfig] | None = None
        self._unreadable: list[dict[str, Any]] = []  # as they are in the file, where they stay
        self._problems: list[str] = []

    def read(self) -> list[StreamConfig]:
        """What is stored; an entry that cannot be read is told, left out, and stays in the file."""
        with self._lock:
            return list(self._stored().values())

    def problems(self) -> list[str]:
        """Readiness reasons: what is stored but cannot be read."""
        locked = [one for one in (self._configs or {}).values() if isinstance(one, LockedStream)]
        return [*self._problems, *(f"stream {one.id}: {one.reason}" for one in locked)]

    def put(self, config: StreamConfig) -> StreamConfig | None:
        """Store a configuration in place of the one with its id, which is returned.

        Raises StateUnwritable; then nothing has changed.
        """
        with self._lock:
            known = self._stored()
            before = known.get(config.id)
            if before != config:
                self._write({**known, config.id: config}, config.id)
            return before

    def discard(self, stream_id: str) -> bool:
        """Forget a stream; returns whether it was stored. Raises StateUnwritable; then it still is."""
        with self._lock:
            known = self._stored()
            if stream_id not in known and all(entry.get("id") != stream_id for entry in self._unreadable):
                return False
            self._write({name: config for name, config in known.items() if name != stream_id}, stream_id)
            return True

    def _stored(self) -> dict[str, StreamConfig]:
        if self._configs is None:
            found = self._load()
            if any(is_stale(one, self._keys) for one in found):
                found = self._encrypted_anew() or found
            self._configs = {config.id: config for config in (opened(one, self._keys) for one in found)}
        return self._configs

    def _encrypted_anew(self) -> list[StoredStream] | None:
        """What the file has, read and written while nobody else writes it; None when the disk refuses."""
        try:
            with exclusive(self._path):
                found = self._load()
                self._replace([opened(one, self._keys) for one in found], self._unreadable)
                return found
        except OSError as error:
            log.error("secrets_not_encrypted", path=str(self._path), error=str(error))
            reason = f"{self._path}: {error.strerror or error}"
            self._problems.append(f"the addresses in {self._path.name} are not encrypted with the newest key: {reason}")
            return None

    def _write(self, configs: dict[str, StreamConfig], changed: str) -> None:
        """Unreadable entries stay, but for that of the stream that changed."""
        kept = [entry for entry in self._unreadable if entry.get("id") != changed]
        try:
            with exclusive(self._path):
                self._replace(configs.values(), kept)
        except OSError as error:
            raise StateUnwritable(f"state_dir: {self._path}: {error.strerror or error}") from error
        self._configs, self._unreadable = configs, kept
        self._problems = [text for text in self._problems if not text.startswith(f"stream {changed} is stored")]

    def _replace(self, configs: Iterable[StreamConfig], kept: list[dict[str, Any]]) -> None:
        content = [*(stored(config, self._keys) for config in configs), *kept]
        write_text(self._path, json.dumps(content, indent=1), OWNER_ONLY)

    def _load(self) -> list[StoredStream]:
        self._unreadable, self._problems = [], []
        try:
            entries = _ENTRIES.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return []
        except OSError as error:  # what is in it may be good
            raise StateUnwritable(f"state_dir: {self._path}: {error.strerror or error}") from error
        except ValidationError as error:
            moved = self._path.with_suffix(f".broken-{time.strftime('%Y%m%dT%H%M%S')}")
            reason = first_reason(error, "file")
            log.error("streams_file_unreadable", path=str(self._path), error=reason, moved_to=str(moved))
            self._path.replace(moved)
            self._problems.append(f"{self._path.name} could not be read ({reason}) and is now {moved.name}")
            return []
        configs = []
        for entry in entries:
            try:
                configs.append(StoredStream.model_validate(entry))
            except ValidationError as error:
                why = first_reason(error, "stream")
                log.error("kept_stream_unreadable", entry=entry.get("id"), error=why)
                self._unreadable.append(entry)
                self._problems.append(
                    f"stream {str(entry.get('id'))[:63]} is stored but cannot be used: {why}; add it again"
                )
        return configs
