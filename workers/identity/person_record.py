"""Somebody of the gallery, as `livesight.people` carries them: looks, counter-examples, threshold; never a name. Pure.

Faces are secrets: on Kafka a record is encrypted (workers/secrets/keys.py, AES-256-GCM), bound to the person that it is
of, so that nobody can have one person's looks taken for another's. Within one process it is plain, for it never leaves.
A record's key is the person's id; a tombstone erases them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from workers.bus.identifiers import ShortText
from workers.engines.engine import F32
from workers.secrets.keys import SecretKeys

PERSON_SCHEMA: Final = "livesight.person/1"
_Encoded = Annotated[str, Field(max_length=8192)]


class PersonLooks(BaseModel):
    """What nodes need to recognise somebody. Vectors: float16 of unit length, base64. version: the gallery's."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    version: int = Field(ge=0)
    embedder: ShortText
    looks: tuple[_Encoded, ...] = Field(min_length=1, max_length=1000)
    counter_examples: tuple[_Encoded, ...] = Field(default=(), max_length=10_000)
    threshold: float = Field(ge=-1, le=1)


class PersonRecord(BaseModel):
    """Somebody of the gallery. Either `sealed`, the encrypted looks, or, within one process, `plain`."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, populate_by_name=True)

    schema_: Literal["livesight.person/1"] = Field(default=PERSON_SCHEMA, alias="schema")
    person: ShortText
    sealed: str | None = Field(default=None, description="A PersonLooks, encrypted.")
    plain: PersonLooks | None = Field(default=None, description="Within one process only; never on Kafka.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.sealed is None) == (self.plain is None):
            raise ValueError("either sealed or plain is needed, and not both")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """Somebody who is enrolled. looks, counter_examples: float32 (n, features), of unit length."""

    embedder: str
    looks: F32
    counter_examples: F32
    threshold: float


def to_record(person: str, looks: PersonLooks, keys: SecretKeys | None) -> bytes:
    """The record's value. keys: with a current key; None within one process."""
    if keys is None:
        record = PersonRecord(person=person, plain=looks)
    else:
        record = PersonRecord(person=person, sealed=keys.seal(looks.model_dump_json(), _place(person)))
    return record.model_dump_json(by_alias=True, exclude_none=True).encode()


def from_record(key: str, value: bytes, keys: SecretKeys | None) -> PersonLooks:
    """What `to_record` was given. Raises ValueError (ValidationError among them) and SecretLocked.

    keys: None within one process; else a plain record is refused, for anybody could have written it.
    """
    record = PersonRecord.model_validate_json(value)
    if record.person != key:
        raise ValueError("person: the record is of somebody else than its key says")
    looks = record.plain if keys is None else None
    if keys is not None and record.sealed is not None:
        looks = PersonLooks.model_validate_json(keys.open(record.sealed, _place(key)))
    if looks is None:
        raise ValueError("sealed: missing; records on Kafka are encrypted, and those within a process are not")
    return looks


def enrolled_by(looks: PersonLooks) -> Enrolled:
    """The vectors. Raises ValueError for what are none."""
    vectors, against = _decoded(looks.looks), _decoded(looks.counter_examples)
    if len(against) and against.shape[1] != vectors.shape[1]:
        raise ValueError("counter_examples: vectors of another length than the looks")
    return Enrolled(looks.embedder, vectors, against, looks.threshold)


def fingerprint(looks: PersonLooks) -> bytes:
    """The same for the same faces, whatever the version and the threshold."""
    faces = looks.model_dump_json(include={"embedder", "looks", "counter_examples"})
    return hashlib.blake2b(faces.encode(), digest_size=16).digest()


def encoded(vectors: Iterable[bytes]) -> tuple[str, ...]:
    """Vectors, each as the bytes of its float16 numbers, as a record has them."""
    return tuple(base64.b64encode(vector).decode() for vector in vectors)


def _decoded(texts: Iterable[str]) -> F32:
    """Raises ValueError for vectors of several lengths, or none of unit length."""
    found = [np.frombuffer(base64.b64decode(text, validate=True), np.float16).astype(np.float32) for text in texts]
    if not found:
        return np.zeros((0, 0), np.float32)
    vectors: F32 = np.stack(found)
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.all(np.abs(lengths - 1.0) < 0.01):  # not a number fails, too
        raise ValueError("looks: vectors are not of unit length")
    unit: F32 = vectors / lengths[:, None]
    return unit


def _place(person: str) -> str:
    return f"person/{person}/gallery"
