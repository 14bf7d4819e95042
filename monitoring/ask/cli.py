"""`livesight ask`. Runs on the calling thread."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol
from zoneinfo import available_timezones

import typer

from workers.cli.command import ConfigOption, JsonOption
from workers.errors import SettingsError

if TYPE_CHECKING:
    from monitoring.ask.local import AskSettings


class OpenAskSettings(Protocol):
    """Reads the settings and sets up the log."""

    def __call__(self, config: Path | None) -> AskSettings:
        """Raises SettingsError naming every unknown key and bad value."""
        ...


def mount(app: typer.Typer, open_: OpenAskSettings) -> None:
    """Add the command to `app`."""

    @app.command()
    def ask(
        question: Annotated[str, typer.Argument(help="In English, such as: how many people came yesterday?")],
        tz: Annotated[
            str | None, typer.Option(help="The time zone of days and hours.", show_default="this machine's")
        ] = None,
        as_json: JsonOption = False,
        config: ConfigOption = None,
    ) -> None:
        """Answer a question about what is stored, from the database; the service may be running.

        No language model: a closed grammar. What it does not understand it says, and does not answer.
        """
        settings = open_(config)
        zone = tz or _zone_here()
        if zone not in available_timezones():
            raise SettingsError(f"--tz: there is no time zone {zone}")
        from monitoring.ask.local import answer_here, context_of

        told = answer_here(context_of(settings), question, zone)
        sys.stdout.write(json.dumps(told, indent=2) + "\n" if as_json else _text(told))


def _text(told: dict[str, Any]) -> str:
    """The answer, then what nobody can know, then what else may be asked; a line each."""
    lines = [told["answer"], *(f"  {one}" for one in told["coverage"]), *(f"  ? {one}" for one in told["choices"])]
    if told["status"] == "abstained":
        lines += [f"  ? {one}" for one in told["follow_ups"]]
    return "\n".join(lines) + "\n"


def _zone_here() -> str:
    """This machine's time zone by its name where it says one, else UTC."""
    key = getattr(datetime.now().astimezone().tzinfo, "key", None)
    if key is None:
        place = Path("/etc/localtime")
        parts = place.resolve().parts if place.is_symlink() else ()
        key = "/".join(parts[parts.index("zoneinfo") + 1 :]) if "zoneinfo" in parts else "UTC"
    return key if key in available_timezones() else "UTC"
