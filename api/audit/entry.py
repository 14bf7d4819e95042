"""One entry of the audit trail, its canonical text and its place in a chain. Pure.

Every process writes a chain of its own, which its name identifies. An entry's `hash` is the SHA-256 of its canonical
JSON, which holds the hash of the entry before and a number that counts by one. So an entry that was changed, removed
or moved breaks the chain where it stood (the construction of Haber and Stornetta, "How to time-stamp a digital
document", 1991; without signatures: whoever can rewrite the whole trail must be met by a copy elsewhere, in Kafka).

Entries have ids, never names: erasing a person from the accounts leaves nothing about them here but an opaque id.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

AUDIT_SCHEMA: Final = "livesight.audit/1"
GENESIS: Final = "0" * 64
"""The `previous` of a chain's first entry."""

What = Literal[
    "live",
    "picture",
    "snapshot",
    "clip",
    "download",
    "search",
    "change",
    "sign-in",
    "sign-in-failed",
    "sign-out",
    "refused",
    "lost",
]


class AuditFact(BaseModel):
    """What happened, before it has its place in a chain.

    what: `live` is watching a camera, `picture` its newest frame, `snapshot` and `clip` stored ones, `search` looking
    for a person by a picture, or where they were, `lost` entries that could not be kept. principal: who, by id.
    credential: the session, key or link, by its id. target: what, by the path without its query. outcome: `ok`, or
    the HTTP status. count: of equal facts within a minute.
    """

    model_config = ConfigDict(frozen=True)

    at_ns: int = Field(ge=0, description="Wall clock, nanoseconds since 1970.")
    what: What
    principal: str
    credential: str = ""
    address: str = Field(default="", description="The client's, as far as the service knows.")
    method: str = ""
    target: str = ""
    stream: str | None = None
    outcome: str = "ok"
    count: int = Field(default=1, ge=1)


class AuditEntry(AuditFact):
    """A fact in its chain: `number` counts from 1, `previous` is the hash of the entry before."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    schema_: Literal["livesight.audit/1"] = Field(default=AUDIT_SCHEMA, alias="schema")
    chain: str = Field(description="The process that wrote it.")
    number: int = Field(ge=1)
    previous: str = Field(pattern="^[0-9a-f]{64}$")
    hash: str = Field(pattern="^[0-9a-f]{64}$")

    @classmethod
    def following(cls, fact: AuditFact, chain: str, head: tuple[int, str]) -> AuditEntry:
        """The entry that follows `head`: the number and hash of the chain's last, (0, GENESIS) without one."""
        number, previous = head
        body: dict[str, Any] = {
            "schema": AUDIT_SCHEMA,
            **fact.model_dump(),
            "chain": chain,
            "number": number + 1,
            "previous": previous,
        }
        return cls(**body, hash=digest(body))

    def to_json(self) -> str:
        """One line of JSON, as it is exported and published."""
        return self.model_dump_json(by_alias=True)


def digest(body: dict[str, Any]) -> str:
    """The hash of an entry's members, whatever their order; a `hash` among them is left out."""
    members = {name: value for name, value in body.items() if name != "hash"}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
