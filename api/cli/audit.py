"""`livesight audit list|export|verify`. Runs on the calling thread."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.accounts import AccountsLocation, OpenAccountsLocation
from api.http.errors import ApiError
from workers.cli.command import ConfigOption, JsonOption

if TYPE_CHECKING:
    from api.audit.stores import DatabaseStore
    from api.audit.verification import Verification

FileArgument = Annotated[
    Path | None, typer.Argument(help="JSON lines, - for standard input. Without: the trail in the database.")
]


class AuditUnreadable(ApiError):
    """There is no trail where one was looked for."""


def mount(app: typer.Typer, open_: OpenAccountsLocation) -> None:
    """Add the commands to `app`. `open_` reads the settings."""
    audit = typer.Typer(help="Who saw and changed what: list, export and verify the trail.", no_args_is_help=True)
    app.add_typer(audit, name="audit")

    @audit.command("list")
    def audit_list(
        count: Annotated[int, typer.Option(min=1, help="How many of the newest entries.")] = 50,
        config: ConfigOption = None,
    ) -> None:
        """Print the newest entries, the oldest of them first."""
        with DatabaseScope(open_(config)) as store:
            for line in _newest(store, count):
                typer.echo(_words(json.loads(line)))

    @audit.command("export")
    def audit_export(config: ConfigOption = None) -> None:
        """Print the whole trail as JSON lines."""
        with DatabaseScope(open_(config)) as store:
            for line in store.lines():
                typer.echo(line)

    @audit.command("verify")
    def audit_verify(
        file: FileArgument = None,
        against: Annotated[
            Path | None, typer.Option(help="Another copy, such as Kafka's: what it has and the trail lacks is found.")
        ] = None,
        as_json: JsonOption = False,
        config: ConfigOption = None,
    ) -> None:
        """Find entries that were removed, changed or reordered; exit code 1 if there are any."""
        found = _verified(open_(config), file, against)
        _print_verification(found, as_json)
        if found.faults:
            raise typer.Exit(1)


def _verified(context: AccountsLocation, file: Path | None, against: Path | None) -> Verification:
    from api.audit.trail import HEADS_FILE
    from api.audit.verification import verify

    end = {} if against is None else verify(_file_lines(against)).heads
    if file is not None:
        return verify(_file_lines(file), end=end)
    heads = context.state_dir / HEADS_FILE
    if heads.is_file():
        for chain, (number, hash_) in json.loads(heads.read_text()).items():
            end[chain] = max(end.get(chain, (0, "")), (number, hash_))
    with DatabaseScope(context) as store:
        return store.verified(end)


def _print_verification(found: Verification, as_json: bool) -> None:
    if as_json:
        faults = [{"line": fault.line, "chain": fault.chain, "text": fault.text} for fault in found.faults]
        heads = {chain: number for chain, (number, _) in found.heads.items()}
        typer.echo(json.dumps({"entries": found.entries, "chains": heads, "faults": faults}))
        return
    for fault in found.faults:
        where = f"line {fault.line}, " if fault.line else ""
        typer.echo(f"{where}{fault.chain or 'no chain'}: {fault.text}")
    chains = ", ".join(f"{chain} up to {number}" for chain, (number, _) in sorted(found.heads.items())) or "none"
    verdict = f"{len(found.faults)} faults" if found.faults else "nothing was removed, changed or reordered"
    typer.echo(f"{found.entries} entries; chains: {chains}; {verdict}")


class DatabaseScope:
    """The trail in the database, as long as the context lasts."""

    def __init__(self, context: AccountsLocation) -> None:
        self._context = context
        self._stack = ExitStack()

    def __enter__(self) -> DatabaseStore:
        """Raises AuditUnreadable where there is no database yet."""
        from api.audit.stores import DatabaseStore
        from workers.database.database import Database

        database = self._stack.enter_context(closing(Database(self._context.auth.url(self._context.state_dir))))
        if database.is_sqlite and not Path(database.url.database or "").exists():
            raise AuditUnreadable(f"{database.name} does not exist: no service with auth.mode accounts has run here")
        return DatabaseStore(database)

    def __exit__(self, *ended: object) -> None:
        self._stack.close()


def _newest(store: DatabaseStore, count: int) -> list[str]:
    from sqlalchemy import select

    from api.audit.tables import audit_entries

    rows = store.rows(select(audit_entries.c.body).order_by(audit_entries.c.at_ns.desc()).limit(count))
    return [str(row.body) for row in reversed(rows)]


def _file_lines(path: Path) -> Iterator[str]:
    """Raises AuditUnreadable."""
    if str(path) == "-":
        yield from sys.stdin
        return
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from file
    except OSError as error:
        raise AuditUnreadable(f"{path}: {error.strerror or error}") from error


def _words(entry: dict[str, object]) -> str:
    moment = datetime.fromtimestamp(int(str(entry["at_ns"])) / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
    times = f" ×{entry['count']}" if entry["count"] != 1 else ""
    what = " ".join(str(entry[name]) for name in ("what", "outcome", "method", "target") if entry[name])
    return f"{moment}Z  {entry['principal']}  {what}{times}  {entry['address']}".rstrip()
