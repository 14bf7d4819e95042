"""Settings of alert targets. They hold secrets, so they come from the configuration only. Pure."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from monitoring.alerts.targets.webhook_signature import key_of
from workers.bus.event import Severity

TargetName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
_TOPIC_FIELDS = {"stream": "", "rule": "", "severity": "", "kind": ""}


class _CommonSettings(BaseModel):
    """What all targets have in common. A target gets its alerts in order, one after the other."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid", hide_input_in_errors=True)

    name: TargetName
    severity: Severity = Field(default="info", description="Only alerts of this severity or worse are sent.")
    ended: bool = Field(default=True, description="Also send when an alert has ended.")
    timeout_s: float = Field(default=10.0, gt=0, le=120, description="For one try, from connecting to the answer.")
    retry_min_s: float = Field(default=1.0, gt=0, description="Wait after the first failure; it doubles each time.")
    retry_max_s: float = Field(default=30.0, gt=0, description="The longest wait between two tries.")
    give_up_s: float = Field(
        default=86400.0, gt=0, description="Alerts that are undelivered for this long are given up, visibly."
    )

    @model_validator(mode="after")
    def _waits_in_order(self) -> _CommonSettings:
        if self.retry_max_s < self.retry_min_s:
            raise ValueError("retry_max_s must not be less than retry_min_s")
        return self


class WebhookSettings(_CommonSettings):
    """An HTTP POST for each alert, signed as standardwebhooks.com specifies when there is a secret."""

    type: Literal["webhook"] = "webhook"
    url: SecretStr = Field(description="http:// or https://; kept secret, as many services put a token into it.")
    secret: SecretStr | None = Field(default=None, description="whsec_ and base64, or any text of 16 bytes or more.")
    previous_secret: SecretStr | None = Field(default=None, description="Signs too, while the secret is replaced.")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Sent with each POST: Authorization, say.")
    ca_file: Path | None = Field(default=None, description="Certificates to trust instead of the system's (PEM).")

    @model_validator(mode="after")
    def _usable(self) -> WebhookSettings:
        parts = urlsplit(self.url.get_secret_value())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url must be http://… or https://…")
        for secret in (self.secret, self.previous_secret):
            if secret is not None:
                key_of(secret.get_secret_value())
        _check_certificates(self.ca_file)
        return self


class MqttSettings(_CommonSettings):
    """A message to an MQTT broker for each alert."""

    type: Literal["mqtt"] = "mqtt"
    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535, description="By default 1883, with TLS 8883.")
    tls: bool = False
    ca_file: Path | None = Field(default=None, description="Certificates to trust instead of the system's (PEM).")
    username: str | None = None
    password: SecretStr | None = None
    client_id: str | None = Field(default=None, max_length=65535, description="By default a new one per connection.")
    topic: str = Field(
        default="livesight/alerts/{stream}", description="May contain {stream}, {rule}, {severity} and {kind}."
    )
    qos: Literal[0, 1, 2] = 1
    retain: bool = False

    @model_validator(mode="after")
    def _usable(self) -> MqttSettings:
        try:
            plain = self.topic.format(**_TOPIC_FIELDS)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError("topic may contain {stream}, {rule}, {severity} and {kind} only") from error
        if not self.topic or any(sign in plain for sign in "+#\0"):
            raise ValueError("topic must not be empty, nor contain + or #")
        if self.password is not None and self.username is None:
            raise ValueError("password needs a username")
        _check_certificates(self.ca_file)
        return self

    @property
    def port_used(self) -> int:
        """The configured port, or the protocol's."""
        return self.port or (8883 if self.tls else 1883)


class AppriseSettings(_CommonSettings):
    """Any service that Apprise supports: mail, Slack, Telegram, ntfy and a hundred more."""

    type: Literal["apprise"] = "apprise"
    url: SecretStr = Field(description="One Apprise URL, such as mailtos://user:password@example.org?to=ops@…")
    picture: bool = Field(default=True, description="Attach the alert's image when there is one.")

    @model_validator(mode="after")
    def _usable(self) -> AppriseSettings:
        from monitoring.alerts.targets.apprise import apprise_service  # imports Apprise, which takes a second

        apprise_service(self.url.get_secret_value(), self.timeout_s)
        return self


TargetSettings = Annotated[WebhookSettings | MqttSettings | AppriseSettings, Field(discriminator="type")]


def severe_enough(severity: Severity | None, least: Severity) -> bool:
    """Whether an alert of `severity` is sent to a target that takes `least` or worse."""
    return SEVERITIES.index(severity or "info") >= SEVERITIES.index(least)


def _check_certificates(path: Path | None) -> None:
    if path is None:
        return
    try:
        ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"ca_file: cannot load certificates from {path}: {error}") from error
