"""The database of accounts, as the event loop uses it: calls in threads, tables made when it is reached.

`start` and `close` block; `run` is for the event loop. A PostgreSQL that is away at the start is tried again; whoever
must be looked up meanwhile gets DatabaseUnavailable.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import structlog

from api.auth.bounded_calls import BoundedCalls
from api.auth.migrations import ACCOUNTS
from api.auth.settings import AuthSettings
from workers.database.database import Database
from workers.database.migrations import migrate
from workers.errors import DatabaseError, DatabaseUnavailable
from workers.kafka.background_call import ABANDONED

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

AT_ONCE = 8
WAITING = 1000
_RECHECKS = 8
_RETRY_S = 2.0


class AccountsDatabase:
    """Owns `database`. In one process there is one of it."""

    def __init__(self, settings: AuthSettings, state_dir: Path) -> None:
        """Connects to nothing yet. Raises DatabaseRefused."""
        self.database = Database(settings.url(state_dir))
        self._calls = BoundedCalls("accounts", AT_ONCE, WAITING)
        self._rechecks = BoundedCalls("accounts", _RECHECKS, 0)
        self._closed = threading.Event()
        self._migrated = threading.Event()
        self._on_ready: list[Callable[[], None]] = []
        self._problem: str | None = None

    def when_ready(self, call: Callable[[], None]) -> None:
        """Have `call` called once the tables are there, by `start` or the thread that tries again. Before `start`."""
        self._on_ready.append(call)

    def start(self) -> None:
        """Bring the tables up to date. Raises DatabaseRefused for a database that can never be used."""
        try:
            self._prepare()
        except DatabaseUnavailable as error:
            if self.database.is_sqlite:
                raise
            log.warning("accounts_away", reason=str(error))
            self._problem = str(error)
            threading.Thread(target=self._try_again, name=f"{ABANDONED}accounts-start", daemon=True).start()

    async def run(self, call: Callable[[Database], Result]) -> Result:
        """What `call` returns, which is called in a thread. Raises DatabaseUnavailable, AccessBusy, and as it does."""
        return await self._run(self._calls, call)

    async def recheck(self, call: Callable[[Database], Result]) -> Result:
        """As `run`, for looking up those again whose sockets are open: no crowd that signs in is waited for."""
        return await self._run(self._rechecks, call)

    async def _run(self, calls: BoundedCalls, call: Callable[[Database], Result]) -> Result:
        if not self._migrated.is_set():
            raise DatabaseUnavailable(self._problem or f"{self.database.name}: not reached yet")
        try:
            result = await calls.run(lambda: call(self.database))
        except DatabaseUnavailable as error:
            self._problem = str(error)
            raise
        self._problem = None
        return result

    def problem(self) -> str | None:
        """Why nobody can be looked up, in a sentence. Never blocks."""
        problem = self._problem
        return None if problem is None else f"accounts: {problem}"

    def close(self, timeout_s: float) -> None:
        """Idempotent."""
        deadline_s = time.monotonic() + timeout_s
        self._closed.set()
        for thread in threading.enumerate():
            if thread.name in (f"{ABANDONED}accounts", f"{ABANDONED}accounts-start"):
                thread.join(max(0.0, deadline_s - time.monotonic()))
        self.database.close()

    def _prepare(self) -> None:
        migrate(self.database, ACCOUNTS)
        self._migrated.set()
        for call in self._on_ready:
            call()
        self._problem = None

    def _try_again(self) -> None:
        while not self._closed.wait(_RETRY_S):
            try:
                return self._prepare()
            except DatabaseError as error:
                self._problem = str(error)
