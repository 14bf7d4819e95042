"""What monitoring keeps, where, and for how long. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from monitoring.alerts.settings import AlertSettings

_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")


class RetentionSettings(BaseModel):
    """What is deleted when: rows and files together. Events go by whole hours, the oldest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: float = Field(default=30.0, gt=0, description="Events, alerts, snapshots and clips older than this go.")
    events: int = Field(default=10_000_000, ge=1000, description="Most events kept.")
    media_bytes: int = Field(default=10 * 2**30, ge=2**20, description="Most bytes of snapshots and clips.")
    every_s: float = Field(default=300.0, gt=0, description="How often it is looked at.")


class MonitorSettings(BaseModel):
    """Times in seconds, sizes in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: SecretStr | None = Field(
        default=None, description="postgresql://… or sqlite:///PATH. None: SQLite, state_dir/livesight.db."
    )
    gather_s: float = Field(default=0.25, gt=0, le=10, description="How long results gather for one transaction.")
    batch: int = Field(default=2000, ge=1, le=100_000, description="Most messages of one transaction.")
    queue_messages: int = Field(
        default=20_000, ge=10, description="In process: messages that may wait; beyond that the oldest go, counted."
    )
    begin: Literal["newest", "oldest"] = Field(
        default="newest", description="Where reading from Kafka begins when nothing has been read yet."
    )
    tick_s: float = Field(default=1.0, gt=0, le=60, description="How often rules look at the clock.")
    states_s: float = Field(default=30.0, gt=0, description="How often states that may be lost are kept.")
    retention: RetentionSettings = RetentionSettings()
    alerts: AlertSettings = AlertSettings()

    @field_validator("database_url")
    @classmethod
    def _known(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parsed_url(value.get_secret_value())
        return value

    def url(self, state_dir: Path) -> URL:
        """Where the database is."""
        if self.database_url is None:
            return URL.create("sqlite", database=str(state_dir / "livesight.db"))
        return parsed_url(self.database_url.get_secret_value())

    @property
    def on_sqlite(self) -> bool:
        """Whether one process alone can use the database."""
        return self.database_url is None or parsed_url(self.database_url.get_secret_value()).drivername == "sqlite"


def parsed_url(text: str) -> URL:
    """A database URL with our driver. Raises ValueError; the URL, which may hold a password, is not in its text."""
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ValueError("is no database URL, such as postgresql://user:password@host/livesight") from error
    if url.drivername in _POSTGRESQL:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite":
        raise ValueError(f"a database of the kind {url.drivername} is not supported; postgresql:// and sqlite:// are")
    if not url.database or url.database == ":memory:":
        raise ValueError("sqlite:// needs a path, such as sqlite:////var/lib/livesight/livesight.db")
    return url
