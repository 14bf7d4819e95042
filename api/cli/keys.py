"""`livesight keys add|list|revoke|disable|enable|hash`: keys of service accounts. Runs on the calling thread.

They work on the accounts' database directly: a service that runs takes notice within five seconds.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.auth.machines.api_key import MAX_LENGTH, MIN_FOREIGN_LENGTH, key_hash, new_key
from api.cli.accounts import AccountsLocation, OpenAccountsLocation, accounts_database, record_change
from api.cli.grant_options import ActionOption, GrantOption, grants_of, words_of
from workers.cli.command import ConfigOption, JsonOption
from workers.errors import SettingsError

if TYPE_CHECKING:
    from api.auth.machines.service_accounts import KeyRecord, ServiceAccount
    from workers.access.principal import Grant
    from workers.database.database import Database

_NS = 1_000_000_000


def mount(app: typer.Typer, open_: OpenAccountsLocation) -> None:
    """Add the commands to `app`."""
    keys = typer.Typer(help="Keys for programs: add, list, revoke, hash.", no_args_is_help=True)
    app.add_typer(keys, name="keys")
    _mount_add(keys, open_)
    _mount_list(keys, open_)
    _mount_changes(keys, open_)
    _mount_hash(keys)


def _mount_add(keys: typer.Typer, open_: OpenAccountsLocation) -> None:
    @keys.command("add")
    def add(
        account: Annotated[str, typer.Argument(help="The service account; with --grant it is made if need be.")],
        name: Annotated[str | None, typer.Option(help="The key's name.", show_default="today's date")] = None,
        grant: GrantOption = None,
        role: Annotated[str | None, typer.Option(hidden=True)] = None,  # before there was --grant
        stream: Annotated[list[str] | None, typer.Option(hidden=True)] = None,
        action: ActionOption = None,
        days: Annotated[int | None, typer.Option(help="How long it works.", show_default="auth.key_days")] = None,
        as_json: JsonOption = False,
        config: ConfigOption = None,
    ) -> None:
        """Make a key and print it: it is shown this once."""
        from api.auth.machines import service_accounts as store

        context = open_(config)
        ends_ns = store.KeyLifetime(context.auth.key_days, context.auth.key_days_max).ends_ns(days)
        grants = _grants(grant, role, stream, action or [])
        with accounts_database(context) as database:
            owner = _owner(database, account, grants)
            key_name = name or datetime.now(UTC).strftime("%Y-%m-%d %H.%M.%S")
            made, record = store.add_key(database, owner.id, key_name, ends_ns)
            record_change(database, f"keys add service:{owner.id} key:{record.id}")
        if as_json:
            return _print_json({**_shown(record), "account": owner.name, "key": made.text})
        typer.echo(made.text)
        ends = "never" if ends_ns is None else _time(ends_ns)
        typer.echo(f"key {record.id} of {owner.name}, ends {ends}; it is not shown again", err=True)


def _mount_list(keys: typer.Typer, open_: OpenAccountsLocation) -> None:
    @keys.command("list")
    def list_keys(as_json: JsonOption = False, config: ConfigOption = None) -> None:
        """Show all service accounts and their keys, never what the keys are."""
        from rich.console import Console

        from api.auth.grants import shown
        from api.auth.machines import service_accounts as store
        from workers.cli.tables import make_table

        with accounts_database(open_(config)) as database:
            found = store.accounts(database)
        if as_json:
            return _print_json(
                [
                    {
                        "id": one.id,
                        "name": one.name,
                        "disabled": one.disabled,
                        "grants": [body.model_dump(mode="json") for body in shown(one.grants)],
                        "keys": [_shown(key) for key in one.keys],
                    }
                    for one in found
                ]
            )
        table = make_table(("account", "may", "key", "name", "state", "ends", "last used"))
        table.columns[2].no_wrap = True
        for one in found:
            may = "\n".join(map(words_of, one.grants)) or "nothing"
            owner = f"{one.name}{' (disabled)' if one.disabled else ''}"
            for key in one.keys or (None,):
                cells = ("", "", "no key", "", "") if key is None else _cells(key)
                table.add_row(owner, may, *cells)
        Console(soft_wrap=True).print(table)


def _mount_changes(keys: typer.Typer, open_: OpenAccountsLocation) -> None:
    @keys.command("revoke")
    def revoke(
        key_id: Annotated[str, typer.Argument(help="As `keys list` shows it, or the key's beginning ls_…")],
        config: ConfigOption = None,
    ) -> None:
        """End a key for good."""
        from api.auth.machines import service_accounts as store

        wanted = key_id.removeprefix("ls_")[:12]
        with accounts_database(open_(config)) as database:
            store.revoke_key(database, wanted)
            record_change(database, f"keys revoke key:{wanted}")
        typer.echo(f"key {wanted} is revoked")

    @keys.command("disable")
    def disable(account: str, config: ConfigOption = None) -> None:
        """Refuse all keys of a service account, until it is enabled again."""
        _switch(open_(config), account, disabled=True)

    @keys.command("enable")
    def enable(account: str, config: ConfigOption = None) -> None:
        """Take the keys of a service account again."""
        _switch(open_(config), account, disabled=False)


def _mount_hash(keys: typer.Typer) -> None:
    @keys.command("hash")
    def hash_key(
        new: Annotated[bool, typer.Option("--new", help="Make a key, and print it as well.")] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Print the hash of a key, for auth.keys_file. The key is read from standard input, never from arguments."""
        if new:
            made = new_key()
            if as_json:
                return _print_json({"key": made.text, "hash": made.hash})
            typer.echo(made.hash)
            return typer.echo(f"of this key, which is not shown again: {made.text}", err=True)
        text = typer.prompt("Key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read()
        key = text.strip()
        if not MIN_FOREIGN_LENGTH <= len(key) <= MAX_LENGTH or not key.isascii() or len(key.split()) > 1:
            raise SettingsError(
                f"a key has {MIN_FOREIGN_LENGTH} to {MAX_LENGTH} characters and no spaces; "
                "`livesight keys hash --new` makes a good one"
            )
        if as_json:
            return _print_json({"hash": key_hash(key)})
        typer.echo(key_hash(key))


def _owner(database: Database, name: str, grants: tuple[Grant, ...]) -> ServiceAccount:
    from api.auth.machines import service_accounts as store
    from api.auth.machines.stored_keys import ServiceAccountUnknown

    try:
        found = store.account_named(database, name)
    except ServiceAccountUnknown:
        if not grants:
            raise ServiceAccountUnknown(f"there is no service account {name}; give a --grant to make it") from None
        return store.add_account(database, name, grants)
    if grants and grants != found.grants:
        raise SettingsError(f"the service account {name} is there already and may do something else; leave out --grant")
    return found


def _grants(
    grants: list[str] | None, role: str | None, streams: list[str] | None, actions: list[str]
) -> tuple[Grant, ...]:
    if role is not None and grants:
        raise SettingsError("--role: is --grant in another spelling; give --grant only")
    if streams and role is None:
        raise SettingsError("--stream belongs to a --role; write --grant ROLE:PATTERN")
    if role is not None:
        grants = [f"{role}:{','.join(streams)}" if streams else role]
    if actions and not grants:
        raise SettingsError("--action belongs to a --grant")
    return grants_of(grants or [], actions)


def _switch(context: AccountsLocation, name: str, *, disabled: bool) -> None:
    from api.auth.machines import service_accounts as store

    with accounts_database(context) as database:
        found = store.change_account(database, store.account_named(database, name).id, disabled=disabled)
        record_change(database, f"keys {'disable' if disabled else 'enable'} service:{found.id}")
    typer.echo(f"{found.name} is {'disabled' if disabled else 'enabled'}")


def _cells(key: KeyRecord) -> tuple[str, ...]:
    shown = _shown(key)
    return (key.id, key.name, *(str(shown[part] or "never") for part in ("state", "expires_at", "last_used_at")))


def _shown(key: KeyRecord) -> dict[str, Any]:
    from api.auth.machines.service_accounts import state_of

    return {
        "id": key.id,
        "name": key.name,
        "state": state_of(key),
        "created_at": _time(key.created_ns),
        "expires_at": None if key.ends_ns is None else _time(key.ends_ns),
        "last_used_at": None if key.used_ns is None else _time(key.used_ns),
    }


def _time(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // _NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _print_json(data: Any) -> None:
    from rich.console import Console

    Console(soft_wrap=True).print_json(data=data)
