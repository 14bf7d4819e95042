"""Settings of authentication. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from workers.database.database_url import driver_url


class AuthSettings(BaseModel):
    """Everything under `auth`. Times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["none", "accounts"] = Field(
        default="none", description="none: whoever reaches the service is admin, on a loopback address only."
    )
    insecure: bool = Field(default=False, description="Let mode none listen on other addresses than loopback.")
    database_url: SecretStr | None = Field(
        default=None,
        description="postgresql://… or sqlite:///PATH of accounts. None: SQLite, state_dir/accounts.db.",
    )

    @field_validator("database_url")
    @classmethod
    def _supported(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            driver_url(value.get_secret_value())
        return value

    def url(self, state_dir: Path) -> str:
        """Where the accounts are, as SQLAlchemy takes it; may hold a password."""
        if self.database_url is None:
            return f"sqlite:///{state_dir / 'accounts.db'}"
        return driver_url(self.database_url.get_secret_value())

    @property
    def on_sqlite(self) -> bool:
        """Whether one process alone can use the accounts."""
        return self.database_url is None or self.database_url.get_secret_value().startswith("sqlite")
