"""The specs that this process knows, in memory and on disk, so that a broker may lose them. Any thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel, ValidationError

from workers.atomic_files import OWNER_ONLY, exclusive, write_text
from workers.cluster.stream_spec import SpecRecord, StreamSpec, TopicContent, newer
from workers.logs import StateLog
from workers.node.local_streams import LocalStreams
from workers.secrets.keys import NO_KEYS, SecretKeys
from workers.secrets.stored_stream import LockedStream, shows_secrets
from workers.validation import first_reason

log = structlog.get_logger(__name__)


class _File(BaseModel):
    epoch: str | None = None
    wishes: list[Any] = []  # the key of the file, as earlier versions wrote it


class SpecRegistry:
    """What shall run. `changed` is called, without a lock held, whenever that is another than before."""

    def __init__(
        self, state_dir: Path | None, changed: Callable[[], None] = lambda: None, keys: SecretKeys = NO_KEYS
    ) -> None:
        """Reads what was stored; streams that this node ran without leases before are taken over.

        What the file has in plain text, or encrypted with an older key, is encrypted anew.
        """
        self._keys = keys
        self._path = state_dir / "wishes.json" if state_dir else None
        self._changed = changed
        self._lock = threading.Lock()
        self._problem_log = StateLog(log, "specs_not_stored")
        self._epoch: str | None = None
        self._specs: dict[str, StreamSpec] = {}
        if state_dir is not None:
            self._read(state_dir)
            if any(spec.stale for spec in self._specs.values()):
                self._encrypt_anew(state_dir)

    @property
    def epoch(self) -> str | None:
        """The epoch of the topic that the specs were read from or written to."""
        return self._epoch

    def all(self) -> dict[str, StreamSpec]:
        """By stream."""
        with self._lock:
            return dict(self._specs)

    def get(self, stream_id: str) -> StreamSpec | None:
        """The spec for a stream, if there is one."""
        with self._lock:
            return self._specs.get(stream_id)

    def problems(self) -> list[str]:
        """Readiness reasons: addresses that cannot be decrypted, or that everybody can read."""
        streams = [spec.stream for spec in self.all().values()]
        found = [f"stream {one.id}: {one.reason}" for one in streams if isinstance(one, LockedStream)]
        plain = sum(shows_secrets(one) for one in streams)
        if plain and self._keys.current is None:
            found.append(
                f"the secrets of {plain} cameras are plain text on livesight.streams: set secrets.key, or "
                "cluster.secret, to the same text in all processes"
            )
        return found

    def apply(self, stream_id: str, spec: StreamSpec | None) -> None:
        """A record of the topic, or what this process has just written there."""
        with self._lock:
            known = self._specs.get(stream_id)
            if spec is None:
                if known is None:
                    return
                del self._specs[stream_id]
            elif not newer(spec, known):
                return
            else:
                self._specs[stream_id] = spec
            self._write()
        self._changed()

    def merge(self, content: TopicContent) -> list[StreamSpec]:
        """Take over what the whole topic says; returns the specs that it lacks and that are to be written again.

        While the topic's epoch is the one that is known, the topic is right, and what it does not name was ended (its
        tombstone may be compacted away). In another epoch it has lost what it does not name, and only its tombstones
        end streams.
        """
        lost = content.epoch is None or content.epoch != self._epoch
        missing: list[StreamSpec] = []
        with self._lock:
            before = dict(self._specs)
            for stream_id, known in before.items():
                if stream_id not in content.streams:
                    if lost:
                        missing.append(known)
                    else:
                        del self._specs[stream_id]
                elif (found := content.streams[stream_id]) is None:
                    del self._specs[stream_id]
                elif known.version > found.version:
                    missing.append(known)
            for stream_id, spec in content.streams.items():
                if spec is not None and newer(spec, self._specs.get(stream_id)):
                    self._specs[stream_id] = spec
            changed = self._specs != before
            if changed:
                self._write()
        if changed:
            self._changed()
        return missing

    def begin_epoch(self, epoch: str) -> None:
        """What is known is in the topic now, which has this epoch."""
        with self._lock:
            if epoch != self._epoch:
                self._epoch = epoch
                self._write()

    def _read(self, state_dir: Path) -> None:
        assert self._path is not None
        try:
            found = _File.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            local = LocalStreams(state_dir, self._keys).read()
            taken = [config for config in local if config.url or isinstance(config, LockedStream)]
            self._specs = {config.id: StreamSpec(stream=config, version=1) for config in taken}
            return
        except (OSError, ValidationError) as error:
            aside = self._path.with_suffix(".broken")
            reason = str(error) if isinstance(error, OSError) else first_reason(error, "file")
            log.error("specs_unreadable", path=str(self._path), error=reason, moved_to=str(aside))
            if self._path.exists():
                self._path.replace(aside)
            return
        self._epoch = found.epoch
        for entry in found.wishes:
            try:
                spec = StreamSpec.of(SpecRecord.model_validate(entry), self._keys)
            except ValidationError as error:  # one that an earlier version took costs no other
                log.error("spec_unreadable", reason=first_reason(error, "spec"))
            else:
                self._specs[spec.stream.id] = spec

    def _encrypt_anew(self, state_dir: Path) -> None:
        """Read and write the file while nobody else writes it. A disk that refuses costs the copy, not the service."""
        assert self._path is not None
        try:
            if self._path.exists():  # else the specs are those of streams.json
                with exclusive(self._path):
                    self._read(state_dir)
                    self._replace(self._path)
        except OSError as error:
            log.error("secrets_not_encrypted", path=str(self._path), error=str(error))

    def _write(self) -> None:
        """With the lock held. A disk that refuses costs the copy, not the service."""
        if self._path is None:
            return
        try:
            with exclusive(self._path):
                self._replace(self._path)
        except OSError as error:
            self._problem_log.note(str(error), path=str(self._path))
        else:
            self._problem_log.clear()

    def _replace(self, path: Path) -> None:
        content = {"epoch": self._epoch, "wishes": [spec.record(self._keys) for spec in self._specs.values()]}
        write_text(path, json.dumps(content, indent=1), OWNER_ONLY)
