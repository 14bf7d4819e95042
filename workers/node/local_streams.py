"""Streams added over HTTP survive a restart: one JSON file under the state directory. Any thread, one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import structlog
from pydantic import ValidationError

from stream.config import StreamConfig
from workers.atomic_files import OWNER_ONLY, write_text

log = structlog.get_logger(__name__)


class LocalStreams:
    """The configurations to keep. Written whole and renamed into place, so that it is never half there."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "streams.json"

    def read(self) -> list[StreamConfig]:
        """What was kept; an entry that cannot be read is logged and left out, the rest is not lost."""
        try:
            entries = json.loads(self._path.read_text())
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            aside = self._path.with_suffix(".broken")
            log.error("streams_file_unreadable", path=str(self._path), error=str(error), moved_to=str(aside))
            if self._path.exists():
                self._path.replace(aside)
            return []
        configs = []
        for entry in entries:
            try:
                configs.append(StreamConfig.model_validate(entry))
            except ValidationError as error:
                log.error("kept_stream_unreadable", entry=str(entry.get("id")), error=str(error))
        return configs

    def write(self, configs: Iterable[StreamConfig]) -> None:
        """Replace what is kept. Raises OSError when the disk refuses."""
        content = [config.model_dump(mode="json") for config in configs]
        write_text(self._path, json.dumps(content, indent=1), OWNER_ONLY)
