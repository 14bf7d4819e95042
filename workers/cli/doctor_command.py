"""The command `livesight doctor`: prints what was examined. Runs on the calling thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from workers.cli.command import ConfigOption, JsonOption

if TYPE_CHECKING:
    from workers.cli.doctor import CheckResult


def mount(app: typer.Typer, examine_all: Callable[[Path | None], list[CheckResult]]) -> None:
    """Add the command to `app`. `examine_all` reads the settings and looks at every part."""

    @app.command("doctor")
    def doctor(as_json: JsonOption = False, config: ConfigOption = None) -> None:
        """What is installed, which backends and devices work, and why not."""
        from workers.cli.tables import findings_table

        findings = examine_all(config)
        console = Console(soft_wrap=True)
        if as_json:
            console.print_json(data=[finding.model_dump() for finding in findings])
        else:
            console.print(findings_table(findings))
        if any(finding.verdict == "wrong" for finding in findings):
            raise typer.Exit(1)
