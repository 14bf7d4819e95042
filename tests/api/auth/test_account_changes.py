"""What happens to an account at the same time: one change counts. On SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.auth.people.errors import AccountChanged, SetupLinkRefused, SignInRefused
from api.auth.people.session_store import Client, SessionStore
from api.auth.people.setup_link import SetupLink
from api.auth.people.user_store import PasswordChange, User, UserChanges, UserStore
from api.auth.settings import SessionSettings
from workers.access.principal import Grant
from workers.database.database import Database

AT_ONCE = 4
CLIENT = Client("192.0.2.1", "a browser")


@pytest.fixture
def store(accounts: Database) -> UserStore:
    """With an admin, so that others may be changed."""
    store = UserStore(accounts)
    store.add("root", "hash", (Grant("admin"),))
    return store


@pytest.fixture
def ada(store: UserStore) -> User:
    return store.add("ada", "first", ())


def test_of_links_that_are_used_at_once_one_makes_an_admin(accounts: Database) -> None:
    links = [SetupLink(accounts, 3600) for _ in range(AT_ONCE)]
    tokens = [link.make() for link in links]  # as processes that share PostgreSQL; on SQLite the last one is good
    begin = threading.Barrier(AT_ONCE)

    def use(number: int) -> int:
        link, token = links[number], tokens[-1 if accounts.is_sqlite else number]
        assert token is not None
        link.check(token)
        begin.wait(20)
        try:
            link.use(token, f"admin {number}", "hash")
        except SetupLinkRefused:
            return 0
        return 1

    with ThreadPoolExecutor(AT_ONCE) as threads:
        assert sum(threads.map(use, range(AT_ONCE))) == 1
    assert len(UserStore(accounts).list()) == 1


def test_a_password_takes_the_place_of_the_one_that_was_known(store: UserStore, ada: User) -> None:
    store.change(ada.id, UserChanges(password=PasswordChange("second", "first")))
    for late in (PasswordChange("third", "first"), PasswordChange("third", None)):
        with pytest.raises(AccountChanged, match="another password"):
            store.change(ada.id, UserChanges(password=late))
    store.rehash(ada.id, PasswordChange("first anew", "first"))
    assert store.get(ada.id).password_hash == "second"


def test_the_owner_of_a_disabled_account_changes_nothing(store: UserStore, ada: User) -> None:
    store.change(ada.id, UserChanges(disabled=True))
    with pytest.raises(AccountChanged, match="disabled"):
        store.change(ada.id, UserChanges(password=PasswordChange("second", "first", "a session")))
    assert store.change(ada.id, UserChanges(password=PasswordChange("by an admin", "first"))).disabled


@pytest.mark.parametrize("change", ["password", "disabled", "removed"])
def test_no_session_begins_with_what_was_right_a_moment_ago(
    accounts: Database, store: UserStore, ada: User, change: str
) -> None:
    sessions = SessionStore(accounts, SessionSettings())
    sessions.open(ada, CLIENT)
    if change == "removed":
        store.remove(ada.id)
    elif change == "disabled":
        store.change(ada.id, UserChanges(disabled=True))
    else:
        store.change(ada.id, UserChanges(password=PasswordChange("second", "first")))
    with pytest.raises(SignInRefused, match="changed at this moment"):
        sessions.open(ada, CLIENT)


def test_what_one_may_change_is_judged_by_what_the_account_is_then(store: UserStore, ada: User) -> None:
    def no_admins(user: User) -> None:
        if user.is_admin:
            raise PermissionError

    store.change(ada.id, UserChanges(grants=(Grant("admin"),)))
    with pytest.raises(PermissionError):
        store.change(ada.id, UserChanges(password=PasswordChange("second", "first")), no_admins)
    assert store.get(ada.id).password_hash == "first"
