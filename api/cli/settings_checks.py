"""Settings of several packages that must fit together. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Protocol

from pydantic import AfterValidator

from workers.errors import SettingsError

ROLES = ("node", "api", "monitor")


def _built(roles: tuple[str, ...]) -> tuple[str, ...]:
    unknown = set(roles) - set(ROLES)
    if unknown:
        raise ValueError(f"unknown role {', '.join(sorted(unknown))}; there are {', '.join(ROLES)}")
    if not roles:
        raise ValueError(f"name at least one of {', '.join(ROLES)}")
    return roles


Roles = Annotated[tuple[str, ...], AfterValidator(_built)]
"""What a process does: one of ROLES at least."""


class DatabaseChoice(Protocol):
    """Settings that name a database."""

    @property
    def on_sqlite(self) -> bool:
        """Whether one process alone can use it."""
        ...


class CheckedSettings(Protocol):
    """What of all settings is looked at."""

    @property
    def roles(self) -> Collection[str]:
        """Of this process."""
        ...

    @property
    def kafka(self) -> object | None:
        """None: everything in one process."""
        ...

    @property
    def monitoring(self) -> DatabaseChoice:
        """The monitor's."""
        ...


def check_together(settings: CheckedSettings) -> None:
    """Raises SettingsError, which says what to set."""
    roles = ",".join(settings.roles)
    if settings.kafka is None and not {"node", "api"} <= set(settings.roles):
        raise SettingsError(
            f"roles: {roles} without the rest needs Kafka: set kafka.bootstrap_servers "
            "(LIVESIGHT_KAFKA__BOOTSTRAP_SERVERS), or leave roles out"
        )
    if "monitor" in settings.roles and set(settings.roles) != set(ROLES) and settings.monitoring.on_sqlite:
        raise SettingsError(
            f"roles: {roles}: a monitor apart from the rest needs PostgreSQL: set "
            "monitoring.database_url (LIVESIGHT_MONITORING__DATABASE_URL) to postgresql://user:password@host/database"
        )
