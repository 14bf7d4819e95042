"""The spec of a stream: that it shall run, and how, as `livesight.streams` carries it. Pure.

In memory a spec has the camera's address and password in plain text; its record has them encrypted, where there is a
key (workers/secrets/stored_stream.py).

A record's key is the stream's id, its value the spec, or nothing: a tombstone, which alone ends a stream. The key
`_epoch` is no stream (ids do not begin so): it identifies the topic as it was made. A topic without it, or with
another than before, has lost what it held.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stream.config import StreamConfig
from workers.errors import WorkerError
from workers.kafka.kafka_python import murmur2
from workers.secrets.keys import NO_KEYS, SecretKeys
from workers.secrets.stored_stream import LockedStream, StoredStream, is_plain, is_stale, opened, stored
from workers.validation import first_reason

SPEC_SCHEMA: Final = "livesight.stream/1"
EPOCH_SCHEMA: Final = "livesight.epoch/1"
EPOCH_KEY: Final = "_epoch"


class SpecError(WorkerError):
    """A record of `livesight.streams` cannot be read."""


class SpecRecord(BaseModel):
    """That a stream shall run, as it lies on Kafka and in files."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, populate_by_name=True)

    schema_: Literal["livesight.stream/1"] = Field(default=SPEC_SCHEMA, alias="schema")
    stream: StoredStream
    version: int = Field(ge=0, description="Nanoseconds since 1970 when it was written, or one more than the last.")
    node: str = Field(default="", description="Who wrote it.")


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One stream that shall run. Of two specs of a stream the one with the higher version holds.

    plain: its record has the address in plain text. stale: that, or it is encrypted with an older key.
    """

    stream: StreamConfig
    version: int
    node: str = ""
    plain: bool = field(default=False, compare=False)
    stale: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, record: SpecRecord, keys: SecretKeys = NO_KEYS) -> StreamSpec:
        """What a record says; its stream is a LockedStream where the address cannot be decrypted."""
        plain, stale = is_plain(record.stream), is_stale(record.stream, keys)
        return cls(opened(record.stream, keys), record.version, record.node, plain, stale)

    def record(self, keys: SecretKeys = NO_KEYS) -> dict[str, Any]:
        """As it is stored, as JSON."""
        return {
            "schema": SPEC_SCHEMA,
            "stream": stored(self.stream, keys),
            "version": self.version,
            "node": self.node,
        }

    def to_json(self, keys: SecretKeys = NO_KEYS) -> bytes:
        """The record's value."""
        return json.dumps(self.record(keys), ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def locked(self) -> bool:
        """Whether the camera's address cannot be decrypted."""
        return isinstance(self.stream, LockedStream)


class TopicEpoch(BaseModel):
    """Identifies a topic from when it was made until it is made anew."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, populate_by_name=True)

    schema_: Literal["livesight.epoch/1"] = Field(default=EPOCH_SCHEMA, alias="schema")
    epoch: str = Field(min_length=1, max_length=64)

    def to_json(self) -> bytes:
        """The record's value."""
        return self.model_dump_json(by_alias=True).encode()


@dataclass(slots=True)
class TopicContent:
    """What the topic says: the newest record of each key. A stream whose newest record is a tombstone is None."""

    epoch: str | None = None
    streams: dict[str, StreamSpec | None] = field(default_factory=dict)


def new_spec(config: StreamConfig, before: StreamSpec | None, node: str) -> StreamSpec:
    """A spec that holds against the one before, whatever the clocks say."""
    version = max(time.time_ns(), before.version + 1 if before else 0)
    return StreamSpec(stream=config, version=version, node=node)


def read_spec(key: str, value: bytes, keys: SecretKeys = NO_KEYS) -> StreamSpec:
    """A record's spec. Raises SpecError."""
    try:
        spec = StreamSpec.of(SpecRecord.model_validate_json(value), keys)
    except ValidationError as error:
        raise SpecError(f"{key}: {first_reason(error, 'spec')}") from error
    if spec.stream.id != key:
        raise SpecError(f"{key}: the spec is for {spec.stream.id}")
    if not spec.locked and (spec.stream.url is None or spec.stream.url.split(":", 1)[0] in ("file", "device")):
        raise SpecError(f"{key}: a shared stream needs a URL that every node can open")
    return spec


def read_epoch(value: bytes) -> str:
    """The epoch of a record. Raises SpecError."""
    try:
        return TopicEpoch.model_validate_json(value).epoch
    except ValidationError as error:
        raise SpecError(f"{EPOCH_KEY}: unreadable") from error


def partition_of(stream_id: str, partitions: int) -> int:
    """Where Kafka's clients put a stream's records (murmur2 of the key, as Java's default partitioner)."""
    return int(murmur2(stream_id.encode()) & 0x7FFFFFFF) % partitions


def newer(one: StreamSpec | None, other: StreamSpec | None) -> bool:
    """Whether `one` holds against `other`: a later one, or the same where only one of them can be decrypted."""
    if one is None or other is None:
        return one is not None
    return (one.version, not one.locked) > (other.version, not other.locked)
