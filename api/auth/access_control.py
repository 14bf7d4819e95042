"""Accounts as a whole: the database, the ways to prove who one is, the routes. Owned by the process.

Made and closed by any one thread; `readers` run on the event loop. In `auth.mode` none there is no AccessControl.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter

from api.auth.authentication import CredentialReader
from api.auth.settings import AuthSettings


class AccessControl:
    """`start` it before the first request, `close` it last: what ends still asks who may see it."""

    def __init__(self, settings: AuthSettings, state_dir: Path) -> None:
        self.settings = settings
        self.state_dir = state_dir
        self._readers: list[CredentialReader] = []
        self._routers: list[APIRouter] = []

    @property
    def readers(self) -> list[CredentialReader]:
        """In the order in which they are asked."""
        return self._readers

    @property
    def routers(self) -> list[APIRouter]:
        """What it serves: signing in and out, accounts, keys."""
        return self._routers

    def start(self) -> None:
        """Open the database and bring its tables up to date. Raises DatabaseRefused."""

    def problems(self) -> list[str]:
        """What is wrong now, in sentences for readiness. Never blocks."""
        return []

    def close(self, timeout_s: float) -> None:
        """End its threads and close the database. Idempotent."""
