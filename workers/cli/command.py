"""Options and context that the commands share; livesight.py opens the context. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from stream.config import DEFAULT_MODELS, StreamSettings
from workers.settings import WorkerSettings

if TYPE_CHECKING:
    from workers.model_card import ModelStore

CONFIG_VARIABLE = "LIVESIGHT_CONFIG"

ConfigOption = Annotated[
    Path | None, typer.Option("--config", envvar=CONFIG_VARIABLE, help="YAML file with settings.", show_default=False)
]
ModelsOption = Annotated[
    str | None, typer.Option(help="Models to run, separated by commas.", show_default=",".join(DEFAULT_MODELS))
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What the settings give to a command."""

    store: ModelStore
    workers: WorkerSettings
    stream: StreamSettings
    node_name: str


class OpenContext(Protocol):
    """Reads the settings and configures logging. `writes`: creates the state directory, which must be writable."""

    def __call__(self, config: Path | None, *, writes: bool = False) -> CommandContext:
        """Raises SettingsError naming every unknown key and bad value."""
        ...
