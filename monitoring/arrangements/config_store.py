"""What users configure in the configuration or over HTTP: scenes and rules. Any thread; all but reading blocks.

Items of the configuration cannot be changed over HTTP. The others are stored in the database, where all monitors see
them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, TypeVar

import structlog
from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection, Table, delete, func, select

from monitoring.core.errors import ArrangementFixed, ArrangementRefused, ArrangementUnknown
from workers.database.database import Database
from workers.database.dialects import upsert
from workers.errors import QuotaReached
from workers.validation import first_reason

log = structlog.get_logger(__name__)

Origin = Literal["configuration", "api", "default"]
T = TypeVar("T", bound=BaseModel)
Allow = Callable[[Sequence[T | None]], None]
"""Raises unless all these items, which a change affects, may be changed. Called in the transaction of the change."""


def allow_all(affected: Sequence[object]) -> None:
    """Whatever it is."""


@dataclass(frozen=True, slots=True)
class ItemKind(Generic[T]):
    """What is stored, and where. most: how many of them at most, beside those of the configuration."""

    table: Table
    model: type[T]
    most: int


class ConfigStore(Generic[T]):
    """Items of one kind by name. The kind's table has the columns `name`, `body` and `updated_ns`.

    `version` changes with each change. `items` never blocks, as the monitor calls it for each result.
    """

    noun: ClassVar[str]
    """What an item is called in messages."""

    setting: ClassVar[str]
    """What limits how many are stored."""

    def __init__(
        self, database: Database, kind: ItemKind[T], configured: Mapping[str, T], defaults: Mapping[str, T]
    ) -> None:
        """Holds the configured items and defaults; `reload` adds those of the database."""
        self._database = database
        self._table = kind.table
        self._model = kind.model
        self._most = kind.most
        self._configured = configured
        self._defaults = defaults
        self._write_lock = threading.Lock()
        self._stored: dict[str, T] = {}
        self._bodies: dict[str, str] = {}
        self._unreadable: dict[str, str] = {}
        self._items: tuple[int, dict[str, tuple[T, Origin]]] = (0, self._merged())

    @property
    def version(self) -> int:
        """Changes with each change of any item."""
        return self._items[0]

    def items(self) -> Mapping[str, tuple[T, Origin]]:
        """All items with their origin, by name; never changed in place."""
        return self._items[1]

    def get(self, name: str) -> T | None:
        """The item of that name now, None when there is none."""
        found = self.items().get(name)
        return None if found is None else found[0]

    def problems(self) -> list[str]:
        """Readiness reasons: what is stored, and kept, but cannot be read."""
        return [
            f"{self.noun} {name} is stored but cannot be used: {why}; PUT it again, or DELETE it"
            for name, why in sorted(self._unreadable.items())
        ]

    def reload(self) -> None:
        """Read the database again. Raises DatabaseUnavailable; the items stay as they were then."""
        with self._write_lock:
            with self._database.read() as connection:
                rows = connection.execute(select(self._table.c.name, self._table.c.body)).all()
            bodies = {name: body for name, body in rows}
            if bodies == self._bodies:
                return
            self._bodies, self._unreadable = bodies, {}
            self._replace({name: item for name, body in bodies.items() if (item := self._read(name, body)) is not None})

    def put(self, name: str, item: T, allow: Allow[T] = allow_all) -> bool:
        """Store an item. Returns whether its name is new.

        Raises ArrangementFixed, ArrangementRefused (it would not be read back as it is), QuotaReached,
        DatabaseUnavailable, and what `allow` raises.
        """
        body = self._body(name, item)
        with self._write_lock:
            with self._database.write() as connection:
                allow(self._affected(connection, name))
                self._refuse_configured(name)
                self._refuse_more(connection, name)
                upsert(connection, self._table, [{"name": name, "body": body, "updated_ns": time.time_ns()}])
            is_new = name not in self._stored
            self._bodies = {**self._bodies, name: body}
            self._unreadable.pop(name, None)
            self._replace({**self._stored, name: item})
            return is_new

    def delete(self, name: str, allow: Allow[T] = allow_all) -> None:
        """Delete an item; a default of that name applies again.

        Raises ArrangementFixed, ArrangementUnknown, and what `allow` raises.
        """
        with self._write_lock:
            with self._database.write() as connection:
                allow(self._affected(connection, name))
                self._refuse_configured(name)
                if name not in self._stored and name in self._defaults:
                    raise ArrangementFixed(
                        f"{self.noun} {name} is built in and cannot be deleted; PUT it with enabled: false instead"
                    )
                deleted = connection.execute(delete(self._table).where(self._table.c.name == name)).rowcount
            self._bodies = {other: body for other, body in self._bodies.items() if other != name}
            self._unreadable.pop(name, None)
            self._replace({other: item for other, item in self._stored.items() if other != name})
            if not deleted:
                raise ArrangementUnknown(f"there is no {self.noun} {name}")

    def _affected(self, connection: Connection, name: str) -> list[T | None]:
        """What has the name now, and what would have it without that; None: stored, but unreadable."""
        bodies = connection.scalars(select(self._table.c.body).where(self._table.c.name == name))
        stored = [self._read(name, body) for body in bodies]
        return [*stored, *(layer[name] for layer in (self._configured, self._defaults) if name in layer)]

    def _refuse_configured(self, name: str) -> None:
        if name in self._configured:
            message = f"{self.noun} {name} comes from the configuration and cannot be changed over HTTP"
            raise ArrangementFixed(message)

    def _read(self, name: str, body: str) -> T | None:
        try:
            return self._model.model_validate_json(body)
        except ValidationError as error:  # written by another version
            why = first_reason(error, self.noun)
            if self._unreadable.get(name) != why:
                log.error("arrangement_unreadable", table=self._table.name, name=name, reason=why)
            self._unreadable[name] = why
            return None

    def _body(self, name: str, item: T) -> str:
        """The item as it is stored. Raises ArrangementRefused when it would not be read back the same."""
        body = item.model_dump_json()
        try:
            same = self._model.model_validate_json(body) == item
        except ValidationError as error:
            raise ArrangementRefused(f"{self.noun} {name}: {first_reason(error, self.noun)}") from error
        if not same:
            raise ArrangementRefused(f"{self.noun} {name}: its numbers are too large or too fine to be stored")
        return body

    def _refuse_more(self, connection: Connection, name: str) -> None:
        """Raises QuotaReached when a new name would be one too many."""
        others = select(func.count()).select_from(self._table).where(self._table.c.name != name)
        if (connection.scalar(others) or 0) >= self._most and name not in self._bodies:
            raise QuotaReached(
                f"{self.noun} {name}: there are {self._most} already, and {self.setting} allows no more; "
                "delete one, or raise the setting"
            )

    def _replace(self, stored: dict[str, T]) -> None:
        self._stored = stored
        self._items = (self._items[0] + 1, self._merged())

    def _merged(self) -> dict[str, tuple[T, Origin]]:
        merged: dict[str, tuple[T, Origin]] = {}
        layers: Iterable[tuple[Mapping[str, T], Origin]] = (
            (self._defaults, "default"),
            (self._stored, "api"),
            (self._configured, "configuration"),
        )
        for layer, origin in layers:
            merged.update({name: (item, origin) for name, item in layer.items()})
        return dict(sorted(merged.items()))
