"""Asks the provider again about those who are signed in. Runs on the event loop, one task a process.

Each session is asked about within `auth.oidc.recheck_s`, by one of the processes: with its refresh token, which a
provider takes no more once the account is disabled or signed out there, and then for the groups. What a role allowed
ends with it, in sockets and streamed answers too (api/auth/live_connections.py), and with the last session of an
account what it has signed links for.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

import structlog

from api.auth.accounts_database import AccountsDatabase
from api.auth.oidc.claims import grants_of
from api.auth.oidc.errors import GrantRefused, NoGroup, ProviderAway, TokenRefused
from api.auth.oidc.provider import Tokens
from api.auth.oidc.session_store import ProviderSession
from api.auth.oidc.sign_ins import ProviderSignIns
from api.auth.people.people import AccountEvent, People
from workers.errors import WorkerError

log = structlog.get_logger(__name__)

_AT_ONCE = 4
_NS = 1_000_000_000


class Rechecks:
    """`run` it as long as the process serves."""

    def __init__(self, sign_ins: ProviderSignIns, people: People, accounts: AccountsDatabase) -> None:
        self._sign_ins = sign_ins
        self._people = people
        self._accounts = accounts
        self._settings = sign_ins.settings

    async def run(self) -> None:
        """Until it is cancelled."""
        every_s = min(10.0, self._settings.recheck_s / 10)
        older_s, again_s = self._settings.recheck_s - 2 * every_s, min(30.0, self._settings.recheck_s / 2)
        while True:
            await asyncio.sleep(every_s)
            try:
                due = await self._accounts.run(lambda database: self._sign_ins.sessions.due(older_s, again_s))
                await self._check_all(due)
            except WorkerError as error:
                log.info("sessions_not_rechecked", reason=str(error))
            except Exception:
                log.exception("recheck_failed")

    async def _check_all(self, due: list[ProviderSession]) -> None:
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def check(session: ProviderSession) -> None:
            async with at_once:
                try:
                    await self.check(session)
                except WorkerError as error:
                    log.info("session_not_rechecked", session=session.id, reason=str(error)[:300])
                except Exception:
                    log.exception("recheck_failed", session=session.id)

        async with asyncio.TaskGroup() as group:
            for session in due:
                group.create_task(check(session))

    async def check(self, session: ProviderSession) -> None:
        """One session: as the provider has it now. Raises DatabaseUnavailable."""
        began_ns = time.time_ns()
        kept = self._sign_ins.tokens.open(session.sealed)
        try:
            if kept is None:
                raise GrantRefused("its tokens were sealed with another secret")
            tokens = await self._asked(kept)
            if tokens.claims is not None and tokens.claims["sub"] != session.subject:
                raise TokenRefused("the provider's new token is of somebody else")
            if tokens.refresh_token is not None and tokens.refresh_token != kept.get("refresh_token"):
                # the old one may count no more: whatever is still asked, the new one is not lost
                await self._store(session, tokens, kept, session.checked_ns)
            _, groups = await self._sign_ins.groups_of(tokens, session.subject)
            grants = grants_of(groups, self._settings.groups)
            if not grants:
                await self._in_thread(partial(self._sign_ins.sessions.set_grants, session.user_id, ()))
                raise NoGroup("none of its groups may use this service any more")
        except ProviderAway as error:
            if began_ns - session.checked_ns > self._settings.away_s * _NS:
                await self._end(session, f"not confirmed for {self._settings.away_s:.0f} s: {error}")
            return
        except (GrantRefused, TokenRefused, NoGroup) as error:
            await self._end(session, str(error))
            return
        await self._store(session, tokens, kept, began_ns)
        if await self._in_thread(partial(self._sign_ins.sessions.set_grants, session.user_id, grants)):
            self._people.changed(session.user_id)
            self._people.on_event(AccountEvent("user-changed", "", session.user_id))

    async def _asked(self, kept: dict[str, Any]) -> Tokens:
        """Tokens that count now. Raises GrantRefused, ProviderAway, TokenRefused."""
        if (refresh_token := kept.get("refresh_token")) is not None:
            return await self._sign_ins.provider.refresh(refresh_token)
        ends_s = kept.get("ends_s")
        if ends_s is not None and time.time() >= ends_s:
            raise GrantRefused("its access token has expired, and the provider gave no refresh token")
        return Tokens(kept["access_token"], None, None, None, ends_s)

    async def _store(self, session: ProviderSession, tokens: Tokens, kept: dict[str, Any], at_ns: int) -> None:
        sealed = self._sign_ins.sealed(tokens, kept)
        await self._in_thread(partial(self._sign_ins.sessions.checked, session.id, sealed, at_ns))

    async def _end(self, session: ProviderSession, reason: str) -> None:
        log.info("provider_session_ended", session=session.id, user=session.user_id, reason=reason[:300])
        await self._in_thread(partial(self._sign_ins.sessions.end, session))
        self._people.changed(session.user_id)
        self._people.on_event(AccountEvent("signed-out", "", session.user_id))

    async def _in_thread(self, call: Any) -> Any:
        return await self._accounts.run(lambda database: call())
