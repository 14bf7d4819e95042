"""What users arrange by configuration or over HTTP: scenes and rules. Any thread; all but reading blocks.

What the configuration says cannot be changed over HTTP; the rest is kept in the database, where other monitors see it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import structlog
from pydantic import BaseModel, ValidationError
from sqlalchemy import Table, delete, select

from monitoring.core.errors import ArrangementFixed, ArrangementUnknown
from workers.database.database import Database
from workers.database.dialects import upsert

log = structlog.get_logger(__name__)

Origin = Literal["configuration", "api", "default"]
T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ConfiguredItem(Generic[T]):
    """What default and configuration say: they are there from the start, and the configuration's cannot be changed."""

    configured: Mapping[str, T]
    defaults: Mapping[str, T]


class ConfigStore(Generic[T]):
    """Things of one kind by name. `table` has the columns `name`, `body` and `updated_ns`.

    `version` is another after each change; `known` never blocks, so that the monitor may ask for each result.
    """

    def __init__(self, database: Database, table: Table, model: type[T], given: ConfiguredItem[T]) -> None:
        """`reload` brings what the database has; until then there is what is given."""
        self._database = database
        self._table = table
        self._model = model
        self._given = given
        self._writing = threading.Lock()
        self._stored: dict[str, T] = {}
        self._seen: dict[str, str] = {}
        self._known: tuple[int, dict[str, tuple[T, Origin]]] = (0, self._merged())

    @property
    def version(self) -> int:
        """Another after each change."""
        return self._known[0]

    def known(self) -> Mapping[str, tuple[T, Origin]]:
        """All of them with where they come from; never changed in place."""
        return self._known[1]

    def reload(self) -> None:
        """Read the database again. Raises DatabaseUnavailable; what was known stays then."""
        with self._writing:
            with self._database.read() as connection:
                rows = connection.execute(select(self._table.c.name, self._table.c.body)).all()
            bodies = {name: body for name, body in rows}
            if bodies == self._seen:
                return
            self._seen = bodies
            self._show({name: one for name, body in bodies.items() if (one := self._read(name, body)) is not None})

    def put(self, name: str, one: T) -> bool:
        """Keep it; whether it is new. Raises ArrangementFixed, DatabaseUnavailable."""
        with self._writing:
            self._refuse_configured(name)
            body = one.model_dump_json()
            with self._database.write() as connection:
                upsert(connection, self._table, [{"name": name, "body": body, "updated_ns": time.time_ns()}])
            is_new = name not in self._stored
            self._seen = {**self._seen, name: body}
            self._show({**self._stored, name: one})
            return is_new

    def delete(self, name: str) -> None:
        """Forget it; a default of that name holds again. Raises ArrangementFixed, ArrangementUnknown."""
        with self._writing:
            self._refuse_configured(name)
            if name not in self._stored and name in self._given.defaults:
                raise ArrangementFixed(f"{name} comes with Livesight; put it with enabled: false instead")
            with self._database.write() as connection:
                gone = connection.execute(delete(self._table).where(self._table.c.name == name)).rowcount
            self._seen = {known: body for known, body in self._seen.items() if known != name}
            self._show({known: one for known, one in self._stored.items() if known != name})
            if not gone:
                raise ArrangementUnknown(f"there is none for {name}")

    def _refuse_configured(self, name: str) -> None:
        if name in self._given.configured:
            raise ArrangementFixed(f"{name} is set by the configuration and cannot be changed over HTTP")

    def _read(self, name: str, body: str) -> T | None:
        try:
            return self._model.model_validate_json(body)
        except ValidationError as error:  # a later version's
            log.error("arrangement_unreadable", table=self._table.name, name=name, error=str(error))
            return None

    def _show(self, stored: dict[str, T]) -> None:
        self._stored = stored
        self._known = (self._known[0] + 1, self._merged())

    def _merged(self) -> dict[str, tuple[T, Origin]]:
        known: dict[str, tuple[T, Origin]] = {}
        layers: Iterable[tuple[Mapping[str, T], Origin]] = (
            (self._given.defaults, "default"),
            (self._stored, "api"),
            (self._given.configured, "configuration"),
        )
        for layer, origin in layers:
            known.update({name: (one, origin) for name, one in layer.items()})
        return dict(sorted(known.items()))
