"""A stream as it is stored, in files and on Kafka: its address and its password are one envelope. Pure.

One, so that none of them can be exchanged without the others. What is not in it may be read by everybody who reads
where it is stored: the id, the models, how it is analysed, and what everybody may see of the address.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError, model_validator

from stream.config import SECRET_FIELDS, StreamConfig
from stream.errors import CameraAddressError
from stream.network.camera_address import is_network_url
from stream.url_redaction import redact
from workers.errors import SecretLocked
from workers.secrets.keys import ENVELOPE_PATTERN, MOST_CHARACTERS, SecretKeys, key_of


class StoredStream(StreamConfig):
    """`sealed` in place of url, user and password, or these in plain text, as without keys and in earlier versions."""

    sealed: str | None = Field(
        default=None,
        pattern=ENVELOPE_PATTERN,
        max_length=MOST_CHARACTERS,
        repr=False,
        description="url, user and password as JSON, encrypted with AES-256-GCM: enc:1:KEY ID:NONCE AND CIPHERTEXT.",
    )
    camera: str | None = Field(
        default=None, max_length=MOST_CHARACTERS, description="What everybody may see of the sealed address."
    )

    @model_validator(mode="after")
    def _either(self) -> StoredStream:
        if self.sealed is not None and any(getattr(self, name) is not None for name in SECRET_FIELDS):
            raise ValueError(f"sealed and {', '.join(SECRET_FIELDS)}: there is either the one or the others")
        return self


class LockedStream(StoredStream):
    """A stream whose envelope cannot be opened: it is shown, stored as it is, and connects to nothing."""

    locked: str

    @property
    def reason(self) -> str:
        """What is wrong, and what to do."""
        return f"its secret cannot be read: {self.locked}"

    def changed(self, changes: dict[str, Any]) -> StreamConfig:
        """With other values; with another address it is locked no more. Raises SecretLocked, CameraAddressError."""
        values = {**self.model_dump(), **changes}
        if changes.get("url") is None and any(name in changes for name in SECRET_FIELDS):
            raise SecretLocked(f"stream {self.id}: {self.reason}; or give url, user and password anew")
        kind: type[StreamConfig] = LockedStream
        if changes.get("url") is not None:
            kind = StreamConfig
            values = {name: value for name, value in values.items() if name in StreamConfig.model_fields}
        try:
            return kind.model_validate(values)
        except ValidationError as error:
            raise CameraAddressError(str(error.errors()[0]["msg"])) from None


def stored(config: StreamConfig, keys: SecretKeys) -> dict[str, Any]:
    """As it is stored, as JSON: the address of a camera in a network sealed, where there is a key."""
    if isinstance(config, LockedStream):
        return config.model_dump(mode="json", exclude={"locked", *SECRET_FIELDS})
    if keys.current is None or not _has_secrets(config):
        return config.model_dump(mode="json")
    secrets = json.dumps({name: getattr(config, name) for name in SECRET_FIELDS})
    shown = {"id": config.id, "sealed": keys.seal(secrets, _place(config.id)), "camera": redact(config.url or "")}
    return {**shown, **config.model_dump(mode="json", exclude={"id", *SECRET_FIELDS})}


def opened(found: StoredStream, keys: SecretKeys) -> StreamConfig:
    """The stream, or a LockedStream where its envelope cannot be opened."""
    values = found.model_dump(exclude={"sealed", "camera"})
    if found.sealed is None:
        return StreamConfig.model_validate(values)
    try:
        return StreamConfig.model_validate({**values, **json.loads(keys.open(found.sealed, _place(found.id)))})
    except SecretLocked as error:
        return LockedStream.model_validate({**found.model_dump(), "locked": str(error)})
    except (ValueError, TypeError):  # ValidationError among them: sealed by a version that knew other addresses
        return LockedStream.model_validate({**found.model_dump(), "locked": "what is in it is no address of a camera"})


def is_plain(found: StoredStream) -> bool:
    """Whether the address of a camera in a network lies there in plain text."""
    return found.sealed is None and _has_secrets(found)


def is_stale(found: StoredStream, keys: SecretKeys) -> bool:
    """Whether it is to be encrypted anew: it is plain text, or an older key's."""
    if keys.current is None:
        return False
    return is_plain(found) or (found.sealed is not None and key_of(found.sealed) != keys.current)


def shows_secrets(config: StreamConfig) -> bool:
    """Whether the address holds what is certainly secret: a password, or a query."""
    return config.password is not None or "?" in (config.url or "")


def key_of_entry(entry: Mapping[str, Any]) -> str | None:
    """The id of the key of an entry as it lies in a file or on Kafka, readable or not; None: it is plain text."""
    sealed = entry.get("sealed")
    return key_of(sealed) if isinstance(sealed, str) else None


def _has_secrets(config: StreamConfig) -> bool:
    return config.url is not None and is_network_url(config.url)


def _place(stream_id: str) -> str:
    return f"stream/{stream_id}/address"
