"""Settings of the provider. Pure, but for the file with the secret."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from api.auth.grants import Grants
from workers.errors import SettingsError

DAY_S = 86_400.0


class OidcSettings(BaseModel):
    """Everything under `auth.oidc`. Times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    issuer: str = Field(description="The provider's issuer, as its discovery document has it: https://…")
    client_id: str = Field(min_length=1, max_length=255, description="This service's name at the provider.")
    client_secret: SecretStr | None = Field(
        default=None, description="What the provider gave it; without it is a public client."
    )
    client_secret_file: Path | None = Field(default=None, description="A file with it instead.")
    public_url: str | None = Field(
        default=None,
        description="Where browsers reach this service, such as https://cameras.example: the provider sends them back "
        "there. None: where the browser says that it is.",
    )
    scopes: tuple[str, ...] = Field(default=("openid", "profile", "email"), description="What is asked for.")
    groups_claim: str = Field(
        default="groups",
        min_length=1,
        description="Where the groups are, in the ID token or else the answer of userinfo; dots lead into objects "
        "(realm_access.roles).",
    )
    groups: dict[str, Annotated[Grants, Field(min_length=1)]] = Field(
        min_length=1, description="What each group may do; whoever is in none of them is refused."
    )
    name_claim: str = Field(default="preferred_username", min_length=1, description="Where the account's name is.")
    label: str = Field(default="single sign-on", min_length=1, max_length=64, description="Sign in with …: the button.")
    recheck_s: float = Field(
        default=300.0, ge=1, le=DAY_S, description="Groups of the signed-in are asked for anew within this time."
    )
    away_s: float = Field(
        default=3600.0, ge=0, le=7 * DAY_S, description="While the provider is away, who is signed in stays this long."
    )
    timeout_s: float = Field(default=10.0, ge=0.5, le=60, description="The provider answers within this time.")
    ca_file: Path | None = Field(default=None, description="PEM of the authority that signed the provider's TLS.")

    @field_validator("groups", mode="before")
    @classmethod
    def _from_variable(cls, value: object) -> object:
        """A variable of the environment has it as JSON."""
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError(f"must be JSON: {error}") from error

    @field_validator("scopes", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        """A variable of the environment has them as OAuth does, by spaces."""
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator("issuer")
    @classmethod
    def _secure(cls, value: str) -> str:
        if not is_secure_url(value) or urlsplit(value).query or urlsplit(value).fragment:
            raise ValueError("must be an https:// address without query; http:// on this machine only (127.0.0.1)")
        return value

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if not is_secure_url(value) or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("must be https://host or https://host:port and no more; http:// on this machine only")
        return value.rstrip("/")

    @field_validator("scopes")
    @classmethod
    def _openid(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in value:
            raise ValueError("must have openid among them")
        return value

    @model_validator(mode="after")
    def _one_secret(self) -> OidcSettings:
        if self.client_secret is not None and self.client_secret_file is not None:
            raise ValueError("client_secret and client_secret_file: set one of them")
        return self

    def secret(self) -> str | None:
        """Read from its file if it is in one. Raises SettingsError."""
        if self.client_secret_file is None:
            return None if self.client_secret is None else self.client_secret.get_secret_value()
        try:
            secret = self.client_secret_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is no text"
            raise SettingsError(f"auth.oidc.client_secret_file: {self.client_secret_file}: {reason}") from error
        if not secret:
            raise SettingsError(f"auth.oidc.client_secret_file: {self.client_secret_file}: is empty")
        return secret


def is_secure_url(url: str) -> bool:
    """Whether nobody between reads it: https, or http that stays on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        if not host or parts.username is not None or (parts.port is not None and not 0 < parts.port < 65536):
            return False
        return parts.scheme == "https" or (parts.scheme == "http" and (host == "localhost" or _on_loopback(host)))
    except ValueError:
        return False


def _on_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
