"""`livesight report`. Runs on the calling thread."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol
from zoneinfo import available_timezones

import typer

from workers.cli.command import ConfigOption
from workers.errors import SettingsError

if TYPE_CHECKING:
    from workers.model_card import ModelStore


@dataclass(frozen=True, slots=True)
class ReportContext:
    """Where events, media, training runs and models are. `database_url` may contain a password."""

    database_url: str
    media_dir: Path
    mlflow_url: str | None
    models: ModelStore


class OpenReportContext(Protocol):
    """Reads the settings and sets up the log."""

    def __call__(self, config: Path | None) -> ReportContext:
        """Raises SettingsError naming every unknown key and bad value."""
        ...


def mount(app: typer.Typer, open_: OpenReportContext) -> None:
    """Add the command to `app`."""

    @app.command()
    def report(
        since: Annotated[str, typer.Option(help="An age, such as 7d, 24h or 90m, or a date.")] = "7d",
        output: Annotated[
            Path | None, typer.Option(help="The HTML file; - is the standard output.", show_default="report-DATE.html")
        ] = None,
        tz: Annotated[str, typer.Option(help="The time zone of days and hours, such as Europe/Berlin.")] = "UTC",
        config: ConfigOption = None,
    ) -> None:
        """Write a report about the last days as one HTML file; the service may be running."""
        context = open_(config)
        if tz not in available_timezones():
            raise SettingsError(f"--tz: there is no time zone {tz}")
        page = _page(context, since, tz)
        if output == Path("-"):
            sys.stdout.write(page)
            return
        path = output or Path(f"report-{datetime.now(UTC):%Y-%m-%d}.html")
        try:
            path.write_text(page, encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror or error}") from error
        typer.echo(path)


def _page(context: ReportContext, since: str, tz: str) -> str:
    from monitoring.core.known_people import ToldNames
    from monitoring.core.known_words import KnownWords
    from monitoring.people.names import Names
    from monitoring.report.mlflow import newest_runs
    from monitoring.report.page import render_report
    from monitoring.report.period import period_of
    from monitoring.report.read_report import read_report
    from monitoring.report.report_data import ReportSubject
    from monitoring.store.media import MediaStore
    from workers.access.principal import ALL_STREAMS
    from workers.database.database import Database

    period = period_of(since, datetime.now(UTC))
    database = Database(context.database_url)
    if database.is_sqlite and not Path(database.url.database or "").is_file():
        raise SettingsError(f"{database.url.database}: there is no database; has the service run with this state_dir?")
    try:
        runs, names = newest_runs(context.mlflow_url), Names(database)
        names.reload()
        told = ToldNames(names, ALL_STREAMS)
        subject = ReportSubject(period, tz, ALL_STREAMS, ALL_STREAMS, told)
        data = read_report(database, MediaStore(context.media_dir), subject, runs)
        return render_report(data, KnownWords(context.models))
    finally:
        database.close()
