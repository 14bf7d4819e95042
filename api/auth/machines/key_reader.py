"""Reads the key of a request: `X-API-Key: …` or `Authorization: Bearer …`. Runs on the event loop."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from starlette.requests import HTTPConnection

from api.auth.machines.api_key import MAX_LENGTH, key_hash
from api.auth.machines.stored_keys import KEY_CREDENTIAL, KeySource, StoredKey
from workers.access.principal import Principal
from workers.errors import Unauthenticated


class KeyReader:
    """A CredentialReader of keys, wherever they are stored, and a Revalidator of whom it found."""

    def __init__(self, sources: Sequence[KeySource]) -> None:
        """`sources` are asked in this order."""
        self._sources = sources

    async def read(self, connection: HTTPConnection) -> Principal | None:
        """See CredentialReader. Raises Unauthenticated, which says the same of wrong and of revoked keys."""
        presented = presented_key(connection)
        if presented is None:
            return None
        hashed = key_hash(presented)
        for source in self._sources:
            key = await source.find(presented, hashed)
            if key is None:
                continue
            if key.expires_at_s is not None and time.time() >= key.expires_at_s:
                raise Unauthenticated("this key has expired; ask an admin for a new one")
            if not key.usable(time.time()):
                break
            await source.used(key)
            return key.principal()
        raise Unauthenticated("this key is not valid: it is wrong, or it was revoked, or its account is disabled")

    def handles(self, principal: Principal) -> bool:
        """Whether `revalidate` knows its credential."""
        return principal.credential.startswith(KEY_CREDENTIAL)

    async def revalidate(self, principals: Sequence[Principal]) -> Sequence[Principal | None]:
        """See Revalidator. Raises as KeySource.by_ids."""
        ids = [principal.credential.removeprefix(KEY_CREDENTIAL) for principal in principals]
        found = await usable_keys(self._sources, ids)
        return [found[key_id].principal() if key_id in found else None for key_id in ids]


async def usable_keys(sources: Sequence[KeySource], ids: Iterable[str]) -> dict[str, StoredKey]:
    """Those of the keys that are usable now; each is the first source's that has it. Raises as KeySource.by_ids."""
    found: dict[str, StoredKey] = {}
    left = set(ids)
    for source in sources:
        found |= await source.by_ids(left) if left else {}
        left -= found.keys()
    return {key_id: key for key_id, key in found.items() if key.usable(time.time())}


def presented_key(connection: HTTPConnection) -> str | None:
    """The key that came with a request, if any. Raises Unauthenticated where two differ, or one is no key at all."""
    headers = connection.headers
    found = {value.strip() for value in headers.getlist("x-api-key")}
    for value in headers.getlist("authorization"):
        scheme, _, token = value.strip().partition(" ")
        if scheme.lower() == "bearer":  # others, such as Basic, are for a proxy in front of us
            found.add(token.strip())
    if not found:
        return None
    if len(found) > 1:
        raise Unauthenticated("two different keys came with the request; send one, as X-API-Key or as Bearer")
    key = found.pop()
    if not key or len(key) > MAX_LENGTH or not key.isascii():
        raise Unauthenticated("the key that came with the request is none")
    return key
