"""What commands of the command line have in common; livesight.py says how settings are read. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from stream.config import DEFAULT_MODELS, StreamSettings
from workers.settings import WorkerSettings

if TYPE_CHECKING:
    from workers.card import ModelStore

CONFIG_VARIABLE = "LIVESIGHT_CONFIG"

ConfigOption = Annotated[
    Path | None, typer.Option("--config", envvar=CONFIG_VARIABLE, help="Settings as YAML.", show_default=False)
]
ModelsOption = Annotated[
    str | None, typer.Option(help="Models to run, by comma.", show_default=",".join(DEFAULT_MODELS))
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What a command works with, as the settings have it."""

    store: ModelStore
    workers: WorkerSettings
    stream: StreamSettings
    node_name: str


class OpenContext(Protocol):
    """Reads the settings and sets up the log. `writes`: the state directory is made and must be writable."""

    def __call__(self, config: Path | None, *, writes: bool = False) -> CommandContext:
        """Raises SettingsError naming every unknown key and bad value."""
        ...
