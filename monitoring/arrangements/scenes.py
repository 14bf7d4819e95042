"""The scenes of all streams, as handlers and routes know them. Any thread; reading never blocks."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import BigInteger, Column, String, Table, Text

from monitoring.arrangements.config_store import ConfigStore, ConfiguredItem
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
"""Zones and lines that came over HTTP."""


class Scenes(ConfigStore[Scene]):
    """Zones and lines by stream."""

    def __init__(self, database: Database, configured: Iterable[Scene] = ()) -> None:
        given = ConfiguredItem(configured={scene.stream_id: scene for scene in configured}, defaults={})
        super().__init__(database, scenes_table, Scene, given)

    def scene(self, stream_id: str) -> Scene | None:
        """The zones and lines of a stream now, None when it has none."""
        known = self.known().get(stream_id)
        return None if known is None else known[0]
