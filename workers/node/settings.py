"""What a node is made of. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from stream.config import StreamSettings
from workers.settings import WorkerSettings


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """name: unique among the nodes. state_dir: where streams added over HTTP are stored; None: nowhere."""

    name: str
    workers: WorkerSettings = field(default_factory=WorkerSettings)
    stream: StreamSettings = field(default_factory=StreamSettings)
    state_dir: Path | None = None
