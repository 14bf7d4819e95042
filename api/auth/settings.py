"""Settings of authentication. Pure."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from api.auth.machines.limit_settings import RateLimitSettings
from api.auth.oidc.settings import OidcSettings
from workers.access.roles import Role
from workers.database.database_url import driver_url

DAY_S = 86_400.0


class SessionSettings(BaseModel):
    """How long people stay signed in. Times in seconds."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    idle_s: float = Field(default=DAY_S / 2, ge=60, le=365 * DAY_S, description="Unused this long, a session ends.")
    absolute_s: float = Field(default=7 * DAY_S, ge=60, le=365 * DAY_S, description="However it is used, it ends then.")
    cache_s: float = Field(
        default=5.0, ge=0, le=30, description="A session that was looked up is believed this long without looking."
    )
    away_s: float = Field(
        default=300.0, ge=0, le=DAY_S, description="While the database is away, one that was known lives on this long."
    )


class AuthSettings(BaseModel):
    """Everything under `auth`. Times in seconds."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    mode: Literal["none", "accounts"] = Field(
        default="none", description="none: whoever reaches the service is admin, on a loopback address only."
    )
    insecure: bool = Field(default=False, description="Let mode none listen on other addresses than loopback.")
    database_url: SecretStr | None = Field(
        default=None,
        description="postgresql://… or sqlite:///PATH of accounts. None: SQLite, state_dir/accounts.db.",
    )
    session: SessionSettings = SessionSettings()
    setup_link_s: float = Field(
        default=DAY_S, ge=60, le=30 * DAY_S, description="The first admin's link works this long."
    )
    password_sign_in: bool = Field(
        default=True, description="Whether people may sign in with a password; false needs auth.oidc."
    )
    oidc: OidcSettings | None = Field(default=None, description="A provider (OpenID Connect) that people sign in at.")
    password_length: int = Field(default=12, ge=8, le=64, description="Characters that a password has at least.")
    recheck_s: float = Field(
        default=5.0,
        gt=0,
        le=10,
        description="How often sockets and streamed answers are checked: those whose session or key has ended are cut.",
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(),
        description="Networks of proxies before this service: X-Forwarded-For, -Proto and -Host, and Forwarded, count "
        "from these only.",
    )

    keys_file: Path | None = Field(
        default=None, description="YAML or JSON with hashes of keys, for processes without a database; read anew."
    )
    api_keys_role: Role = Field(
        default="operator", description="What the keys in the variable API_KEYS may do, on every stream."
    )
    key_days: int = Field(default=365, ge=1, le=36500, description="Days that a new key works if nothing is said.")
    key_days_max: int | None = Field(
        default=730, ge=1, le=36500, description="Most days that a new key works. None: also for ever."
    )
    link_secret: SecretStr | None = Field(
        default=None, description="What signed links are signed with; the same in all api processes."
    )
    link_secret_file: Path | None = Field(
        default=None, description="A file with it instead. Neither: state_dir/links.secret, made at the first start."
    )
    link_s: int = Field(default=900, ge=10, description="How long a signed link works if nothing is said.")
    link_max_s: int = Field(default=86400, ge=10, le=30 * 86400, description="Longest time that a signed link works.")
    alert_links: bool = Field(
        default=True,
        description="Sign the links to picture and clip in messages about alerts: whoever gets the message can open "
        "them for link_max_s, without an account.",
    )
    limits: RateLimitSettings = RateLimitSettings()
    audit: bool = Field(default=True, description="Record who sees and changes what; in mode accounts.")
    audit_days: float = Field(default=365.0, gt=0, le=36500, description="Audit entries older than this are deleted.")

    @field_validator("database_url")
    @classmethod
    def _supported(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            driver_url(value.get_secret_value())
        return value

    @field_validator("link_secret")
    @classmethod
    def _long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("must be at least 32 characters long; `openssl rand -hex 32` makes a good one")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> AuthSettings:
        if self.oidc is not None and self.mode != "accounts":
            raise ValueError("oidc: people sign in in mode accounts only; set mode to accounts")
        if self.oidc is None and not self.password_sign_in:
            raise ValueError("password_sign_in: without a password nobody can sign in until oidc is set")
        if self.link_secret is not None and self.link_secret_file is not None:
            raise ValueError("link_secret and link_secret_file: set one of them")
        if self.link_s > self.link_max_s:
            raise ValueError(f"link_s: must be at most link_max_s, which is {self.link_max_s}")
        if self.key_days_max is not None and self.key_days > self.key_days_max:
            raise ValueError(f"key_days: must be at most key_days_max, which is {self.key_days_max}")
        return self

    def url(self, state_dir: Path) -> str:
        """Where the accounts are, as SQLAlchemy takes it; may hold a password."""
        if self.database_url is None:
            return f"sqlite:///{state_dir / 'accounts.db'}"
        return driver_url(self.database_url.get_secret_value())

    @property
    def audits(self) -> bool:
        """Whether it is recorded who sees and changes what."""
        return self.audit and self.mode == "accounts"

    @property
    def on_sqlite(self) -> bool:
        """Whether one process alone can use the accounts."""
        return self.database_url is None or self.database_url.get_secret_value().startswith("sqlite")
