"""A service with accounts, one camera's worth of results by pushing, and keys of several kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.auth.access_control import AccessControl
from api.auth.machines import service_accounts as store
from api.auth.settings import AuthSettings
from tests.api.conftest import Service, running
from workers.access.principal import Grant
from workers.database.database import Database

ADMIN = Grant("admin")


@dataclass
class Guarded:
    """A service in auth.mode accounts. `admin`: a key that may do everything."""

    service: Service
    access: AccessControl
    admin: str

    @property
    def database(self) -> Database:
        assert self.access.accounts is not None
        return self.access.accounts.database

    def key(self, *grants: Grant, name: str = "", ends_ns: int | None = None) -> str:
        """A new key of a new service account, straight in the database."""
        name = name or f"account {len(store.accounts(self.database))}"
        account = store.add_account(self.database, name, grants)
        return store.add_key(self.database, account.id, "key", ends_ns)[0].text

    def get(self, path: str, key: str | None = None, **options: Any) -> httpx.Response:
        headers = {"x-api-key": key} if key else {}
        return httpx.get(self.service.url + path, headers=headers, timeout=20, **options)

    def post(self, path: str, key: str | None = None, **options: Any) -> httpx.Response:
        headers = {"x-api-key": key} if key else {}
        return httpx.post(self.service.url + path, headers=headers, timeout=20, **options)


StartGuarded = Callable[..., Guarded]


@contextmanager
def guarded(state_dir: Path, roles: Sequence[str] = ("api",), **settings: Any) -> Iterator[Guarded]:
    access = AccessControl(AuthSettings(mode="accounts", **settings), state_dir, roles)
    access.start()
    try:
        with running(state_dir, access=access) as service:
            found = Guarded(service, access, "")
            if access.accounts is not None:
                found.admin = found.key(ADMIN, name="admin")
            yield found
    finally:
        access.close(5)


@pytest.fixture
def start_guarded(tmp_path: Path) -> Iterator[StartGuarded]:
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(guarded(tmp_path, **settings))


@pytest.fixture
def site(start_guarded: StartGuarded) -> Guarded:
    return start_guarded()
