"""Signing in and out, and what people and admins change. Runs on the event loop; hashes and database in threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeVar

import structlog

from api.auth.accounts_database import AccountsDatabase
from api.auth.bounded_calls import BoundedCalls
from api.auth.live_connections import LiveConnections
from api.auth.people.errors import (
    GrantsFromProvider,
    PasswordRefused,
    PasswordSignInOff,
    SignInRefused,
    SubjectRefused,
    TooManyAttempts,
)
from api.auth.people.passwords import check_password, make_hash, matches, outdated
from api.auth.people.session_reader import SessionReader
from api.auth.people.session_store import AlsoStore, Client, Session, SessionStore
from api.auth.people.setup_link import SetupLink
from api.auth.people.sign_in_throttle import Attempt, SignInThrottle
from api.auth.people.user_issuers import UserIssuers
from api.auth.people.user_store import (
    PasswordChange,
    User,
    UserChanges,
    UserCheck,
    UserStore,
    check_name,
    name_key,
)
from api.auth.settings import AuthSettings
from workers.access.principal import Grant
from workers.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
EventKind = Literal[
    "signed-in", "sign-in-failed", "signed-out", "password-changed", "user-added", "user-changed", "user-removed"
]

_HASHES_AT_ONCE = 2
_HASHES_WAITING = 32


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """What happened to an account, by ids: who did it (`user:…`, empty where that is unknown), and to which account."""

    kind: EventKind
    by: str
    user_id: str
    address: str = ""


class People:
    """What the routes call. `on_event` is called for what is to be remembered: on the event loop, never blocking."""

    def __init__(self, accounts: AccountsDatabase, settings: AuthSettings) -> None:
        self.settings = settings
        self.users = UserStore(accounts.database, None if settings.oidc is None else settings.oidc.issuer)
        self.sessions = SessionStore(accounts.database, settings.session)
        self.reader = SessionReader(accounts, self.sessions, settings.session)
        self.issuers = UserIssuers(accounts, self.users)
        self.on_event: Callable[[AccountEvent], None] = lambda event: None
        self.setup_token: str | None = None
        self.live: LiveConnections | None = None
        self._accounts = accounts
        self._hashing = BoundedCalls("password", _HASHES_AT_ONCE, _HASHES_WAITING)
        self._throttle = SignInThrottle()
        self._setup = SetupLink(accounts.database, settings.setup_link_s)
        accounts.when_ready(self._make_setup_link)

    async def sign_in(self, name: str, password: str, client: Client) -> tuple[str, Session]:
        """A new session's token, and the session. Raises SignInRefused, TooManyAttempts, DatabaseUnavailable.

        Takes as long for a name that nobody has as for a wrong password.
        """
        if not self.settings.password_sign_in:
            raise PasswordSignInOff("sign in at the provider; auth.password_sign_in is false")
        attempt = Attempt(name_key(name), client.address)
        if (wait_s := self._throttle.begin(attempt)) > 0:
            raise TooManyAttempts(wait_s)
        user = await self._in_thread(partial(self.users.by_name, name))
        stored = None if user is None else user.password_hash
        right = await self._hashing.run(partial(matches, stored, password))
        if user is None or user.disabled or not right:
            self.on_event(AccountEvent("sign-in-failed", "", "" if user is None else user.id, client.address))
            log.info("sign_in_failed", address=client.address)
            raise SignInRefused("name or password is wrong, or the account is disabled")
        self._throttle.succeeded(attempt)
        if stored is not None and outdated(stored):
            renewed = PasswordChange(await self._hashing.run(partial(make_hash, password)), stored)
            await self._in_thread(partial(self.users.rehash, user.id, renewed))
            user = replace(user, password_hash=renewed.hash)
        return await self.open_session(user, client)

    async def open_session(self, user: User, client: Client, also: AlsoStore | None = None) -> tuple[str, Session]:
        """Whoever `user` is has proved it. `also` is called in the transaction that opens the session.

        Raises SignInRefused where the account was changed meanwhile.
        """
        try:
            opened = await self._in_thread(partial(self.sessions.open, user, client, also))
        except SignInRefused:
            self.on_event(AccountEvent("sign-in-failed", "", user.id, client.address))
            raise
        self.on_event(AccountEvent("signed-in", f"user:{user.id}", user.id, client.address))
        return opened

    async def sign_out(self, user_id: str, session_id: str, *, everywhere: bool) -> None:
        """End the session, or all of the account's."""
        if everywhere:
            await self._in_thread(partial(self.sessions.end_of_user, user_id))
        else:
            await self._in_thread(partial(self.sessions.end, session_id))
        self.changed(user_id)
        self.on_event(AccountEvent("signed-out", f"user:{user_id}", user_id))

    async def set_up(self, token: str, name: str, password: str, client: Client) -> tuple[str, Session]:
        """The first admin, signed in. Raises SetupLinkRefused, PasswordRefused, NameRefused.

        The link first: a password costs more, and without the link nobody is told anything of theirs.
        """
        await self._in_thread(partial(self._setup.check, token))
        hashed = await self._hash(password, check_name(name))
        user = await self._in_thread(partial(self._setup.use, token, name, hashed))
        self.setup_token = None
        self.on_event(AccountEvent("user-added", f"user:{user.id}", user.id, client.address))
        return await self.open_session(user, client)

    async def change_password(self, user_id: str, old: str, new: str, session: str, address: str) -> None:
        """One's own; other sessions of the account than `session` end.

        Raises SignInRefused, TooManyAttempts, PasswordRefused, AccountChanged.
        """
        user = await self._in_thread(partial(self.users.get, user_id))
        if user.password_hash is None:
            raise PasswordRefused("this account has no password: it signs in at the provider")
        attempt = Attempt(f"password of {user_id}", address)
        if (wait_s := self._throttle.begin(attempt)) > 0:
            raise TooManyAttempts(wait_s)
        if not await self._hashing.run(partial(matches, user.password_hash, old)):
            raise SignInRefused("the old password is wrong")
        self._throttle.succeeded(attempt)
        hashed = await self._hash(new, user.name)
        changes = UserChanges(password=PasswordChange(hashed, user.password_hash, session))
        await self._in_thread(partial(self.users.change, user_id, changes))
        self.changed(user_id)
        self.on_event(AccountEvent("password-changed", f"user:{user_id}", user_id))

    async def list_users(self) -> list[User]:
        """All, by name."""
        return await self._in_thread(self.users.list)

    async def add_user(self, by: str, name: str, password: str, grants: tuple[Grant, ...]) -> User:
        """Raises UserExists, NameRefused, PasswordRefused."""
        hashed = await self._hash(password, check_name(name))
        user = await self._in_thread(partial(self.users.add, name, hashed, grants))
        self.on_event(AccountEvent("user-added", by, user.id))
        return user

    async def change_user(
        self, by: str, user_id: str, changes: UserChanges, password: str | None, check: UserCheck
    ) -> User:
        """Raises UserUnknown, LastAdmin, PasswordRefused, SubjectRefused, GrantsFromProvider, AccountChanged, and as
        `check`."""
        if changes.subject and self.settings.oidc is None:
            raise SubjectRefused("oidc_subject: no provider is set (auth.oidc)")
        user = await self._in_thread(partial(self.users.get, user_id))
        check(user)  # before a password is hashed for nothing
        if changes.grants is not None and self.settings.oidc is not None and (changes.subject or user.subject):
            raise GrantsFromProvider("grants: this account's come from its groups at the provider (auth.oidc.groups)")
        if password is not None:
            hashed = await self._hash(password, user.name)
            changes = replace(changes, password=PasswordChange(hashed, user.password_hash))
        user = await self._in_thread(partial(self.users.change, user_id, changes, check))
        self.changed(user_id)
        self.on_event(AccountEvent("user-changed", by, user_id))
        return user

    async def remove_user(self, by: str, user_id: str, check: UserCheck) -> None:
        """Raises UserUnknown, LastAdmin, and as `check`."""
        await self._in_thread(partial(self.users.remove, user_id, check))
        self.changed(user_id)
        self.on_event(AccountEvent("user-removed", by, user_id))

    async def needs_setup(self) -> bool:
        """Whether the first admin is still to be made."""
        if self.setup_token is None:
            return False
        try:
            if await self._in_thread(self.users.any):
                self.setup_token = None
        except DatabaseUnavailable:
            return False
        return self.setup_token is not None

    async def _hash(self, password: str, name: str) -> str:
        await self._hashing.run(partial(check_password, password, name, self.settings.password_length))
        return await self._hashing.run(partial(make_hash, password))

    async def _in_thread(self, call: Callable[[], Result]) -> Result:
        return await self._accounts.run(lambda database: call())

    def changed(self, user_id: str) -> None:
        """What was known of that account counts no more: it is looked up anew, for its open sockets too."""
        self.reader.forget(user_id)
        if self.live is not None:
            self.live.check_soon()

    def _make_setup_link(self) -> None:
        if self.settings.password_sign_in:  # else nobody could sign in with the password that the link asks for
            self.setup_token = self._setup.make()
