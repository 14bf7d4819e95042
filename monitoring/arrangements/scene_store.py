"""The zones and lines of all streams: configured, or set over HTTP. Any thread; reading never blocks."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import BigInteger, Column, String, Table, Text

from monitoring.arrangements.config_store import ConfigStore, ItemKind
from monitoring.events.zone import Scene
from monitoring.store.tables import metadata
from workers.database.database import Database

scenes_table = Table(
    "scenes",
    metadata,
    Column("name", String(63), primary_key=True),  # of the stream
    Column("body", Text, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
)
"""Zones and lines that were set over HTTP."""

MOST_SCENES = 1000


class SceneStore(ConfigStore[Scene]):
    """Zones and lines by stream."""

    noun = "scene for stream"
    setting = "monitoring.max_scenes"

    def __init__(self, database: Database, configured: Iterable[Scene] = (), most: int = MOST_SCENES) -> None:
        by_stream = {scene.stream_id: scene for scene in configured}
        super().__init__(database, ItemKind(scenes_table, Scene, most), by_stream, {})

    def scene(self, stream_id: str) -> Scene | None:
        """The zones and lines of a stream now, None when it has none."""
        return self.get(stream_id)
