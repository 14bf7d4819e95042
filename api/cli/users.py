"""`livesight users`: accounts of people, in the database; the service may be running. Runs on the calling thread.

Passwords come from a prompt or the standard input, never as arguments, which others on the machine could read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.cli.accounts import AccountsLocation, OpenAccountsLocation, accounts_database, record_change
from api.cli.grant_options import GrantOption, grants_of, words_of
from workers.cli.command import ConfigOption, JsonOption
from workers.errors import SettingsError

if TYPE_CHECKING:
    from api.auth.people.user_store import User, UserStore

NameArgument = Annotated[str, typer.Argument(help="The account's name.")]
StdinOption = Annotated[bool, typer.Option("--password-stdin", help="Read the password from the standard input.")]


def mount(app: typer.Typer, open_: OpenAccountsLocation) -> None:
    """Add the commands to `app`."""
    users = typer.Typer(help="Accounts of people.", no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(users, name="users")
    _mount_reading(users, open_)
    _mount_switches(users, open_)
    _mount_changes(users, open_)


def _mount_reading(users: typer.Typer, open_: OpenAccountsLocation) -> None:
    @users.command("list")
    def list_users(as_json: JsonOption = False, config: ConfigOption = None) -> None:
        """Show all accounts."""
        from api.auth.people.user_routes import UserView

        with _store(open_(config)) as store:
            found = store.list()
        if as_json:
            Console(soft_wrap=True).print_json(data=[UserView.of(user).model_dump(mode="json") for user in found])
            return
        table = Table("name", "may", "state", box=None)
        for user in found:
            table.add_row(user.name, _words(user), "disabled" if user.disabled else "enabled")
        Console(soft_wrap=True).print(table)


def _mount_switches(users: typer.Typer, open_: OpenAccountsLocation) -> None:
    @users.command()
    def disable(name: NameArgument, config: ConfigOption = None) -> None:
        """Keep an account from signing in, and sign it out everywhere."""
        _switch(open_(config), name, True)

    @users.command()
    def enable(name: NameArgument, config: ConfigOption = None) -> None:
        """Let a disabled account sign in again."""
        _switch(open_(config), name, False)


def _mount_changes(users: typer.Typer, open_: OpenAccountsLocation) -> None:
    @users.command()
    def add(
        name: NameArgument, grant: GrantOption = None, password_stdin: StdinOption = False, config: ConfigOption = None
    ) -> None:
        """Add an account."""
        context, grants = open_(config), grants_of(grant or [])
        hashed = _password(context, name, password_stdin)
        with _store(context) as store:
            user = store.add(name, hashed, grants)
            _record(store, "add", user)
        typer.echo(f"added {user.name}")

    @users.command()
    def passwd(name: NameArgument, password_stdin: StdinOption = False, config: ConfigOption = None) -> None:
        """Set an account's password, and sign it out everywhere."""
        from api.auth.people.user_store import PasswordChange, UserChanges

        context = open_(config)
        with _store(context) as store:
            user = _named(store, name)
            hashed = _password(context, user.name, password_stdin)
            store.change(user.id, UserChanges(password=PasswordChange(hashed, user.password_hash)))
            _record(store, "passwd", user)

    @users.command("grant")
    def grant_user(name: NameArgument, grant: GrantOption = None, config: ConfigOption = None) -> None:
        """Set what an account may do, in place of what it might before; without --grant nothing."""
        from api.auth.people.user_store import UserChanges

        grants = grants_of(grant or [])
        with _store(open_(config)) as store:
            user = store.change(_named(store, name).id, UserChanges(grants=grants))
            _record(store, "grant", user)
        typer.echo(_words(user))


@contextmanager
def _store(location: AccountsLocation) -> Iterator[UserStore]:
    from api.auth.people.user_store import UserStore

    with accounts_database(location) as database:
        yield UserStore(database)


def _switch(context: AccountsLocation, name: str, disabled: bool) -> None:
    from api.auth.people.user_store import UserChanges

    with _store(context) as store:
        user = store.change(_named(store, name).id, UserChanges(disabled=disabled))
        _record(store, "disable" if disabled else "enable", user)


def _record(store: UserStore, command: str, user: User) -> None:
    record_change(store.database, f"users {command} user:{user.id}")


def _named(store: UserStore, name: str) -> User:
    from api.auth.people.errors import UserUnknown

    if (user := store.by_name(name)) is None:
        raise UserUnknown(f"there is no account {name}; `livesight users list` shows all")
    return user


def _password(context: AccountsLocation, name: str, from_stdin: bool) -> str:
    """The hash of what is typed twice, or read once."""
    from api.auth.people.passwords import check_password, make_hash

    if from_stdin:
        password = sys.stdin.readline(4096).rstrip("\r\n")
    elif sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        raise SettingsError("password: no terminal to ask at; give it on the standard input with --password-stdin")
    check_password(password, name, context.auth.password_length)
    return make_hash(password)


def _words(user: User) -> str:
    return " ".join(map(words_of, user.grants)) or "nothing"
