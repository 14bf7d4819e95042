"""The keys of the accounts' database as requests use them: remembered for a few seconds. Runs on the event loop."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Collection
from functools import partial

import structlog

from api.auth.accounts_database import AccountsDatabase
from api.auth.machines.api_key import key_id_of, same_hash
from api.auth.machines.remembered import Remembered
from api.auth.machines.service_accounts import note_use, stored_key, stored_keys
from api.auth.machines.stored_keys import StoredKey
from workers.errors import AccessError, DatabaseError

log = structlog.get_logger(__name__)

_MOST = 10_000
_NOTED_S = 300.0
"""How old the time of the last use may be before it is written again."""


class DatabaseKeys:
    """A KeySource."""

    def __init__(self, accounts: AccountsDatabase) -> None:
        self._accounts = accounts
        self._keys = Remembered(self._ask)
        self._noted: OrderedDict[str, float] = OrderedDict()
        self._writing: set[asyncio.Task[None]] = set()

    async def find(self, presented: str, presented_hash: str) -> StoredKey | None:
        """See KeySource. Raises DatabaseUnavailable, AccessBusy."""
        key_id = key_id_of(presented)
        if key_id is None:
            return None
        key = await self.by_id(key_id)
        return key if key is not None and same_hash(key.hash, presented_hash) else None

    async def by_id(self, key_id: str) -> StoredKey | None:
        """See KeySource. Raises DatabaseUnavailable, AccessBusy."""
        return await self._keys.get(key_id)

    async def by_ids(self, key_ids: Collection[str]) -> dict[str, StoredKey]:
        """See KeySource. Raises DatabaseUnavailable, AccessBusy."""
        return await self._accounts.recheck(partial(stored_keys, key_ids=list(key_ids)))

    async def used(self, key: StoredKey) -> None:
        """See KeySource. Written every few minutes, and never waited for."""
        now_s = time.monotonic()
        if now_s - self._noted.get(key.id, -_NOTED_S) < _NOTED_S:
            return
        self._noted[key.id] = now_s
        self._noted.move_to_end(key.id)
        if len(self._noted) > _MOST:
            self._noted.popitem(last=False)
        task = asyncio.create_task(self._note(key.id))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    def forget(self) -> None:
        """Ask anew for every key: something was changed here."""
        self._keys.forget()

    async def _ask(self, key_id: str) -> StoredKey | None:
        return await self._accounts.run(partial(stored_key, key_id=key_id))

    async def _note(self, key_id: str) -> None:
        try:
            await self._accounts.run(partial(note_use, key_id=key_id, at_ns=time.time_ns()))
        except (DatabaseError, AccessError) as error:
            log.info("key_use_not_noted", key=key_id, reason=str(error))
            self._noted.pop(key_id, None)
