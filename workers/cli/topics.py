"""`livesight topics`: what a Kafka administrator runs for a user who may not create topics. On the calling thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workers.cli.command import ConfigOption
from workers.errors import SettingsError
from workers.kafka.settings import KafkaSettings

if TYPE_CHECKING:
    from workers.kafka.permissions import Role


@dataclass(frozen=True, slots=True)
class TopicsContext:
    """What the settings say of Kafka. `group`: the nodes' consumer group."""

    kafka: KafkaSettings | None
    group: str
    roles: tuple[str, ...]


def mount(app: typer.Typer, open_: Callable[[Path | None], TopicsContext]) -> None:
    """Add the command to `app`. `open_` reads the settings."""

    @app.command("topics")
    def topics(
        principal: Annotated[
            str | None,
            typer.Option(help="Who gets access, as Kafka writes it.", show_default="User: and kafka.sasl_username"),
        ] = None,
        roles: Annotated[str | None, typer.Option(help="By comma.", show_default="those configured")] = None,
        command_config: Annotated[
            str | None, typer.Option(help="Properties file with the administrator's login, for the tools.")
        ] = None,
        config: ConfigOption = None,
    ) -> None:
        """Print the commands of Kafka's own tools that create the topics and give a user access, for its roles."""
        from workers.kafka.tool_commands import Access, acl_commands, connection_options, script, topic_commands

        context = open_(config)
        kafka = context.kafka
        if kafka is None:
            raise SettingsError("kafka.bootstrap_servers is not set: without Kafka there are no topics")
        chosen = _roles(roles, context.roles)
        connection = connection_options(kafka, command_config)
        access = Access(principal or f"User:{kafka.sasl_username or kafka.client_id}", chosen, context.group)
        typer.echo(script([*topic_commands(kafka, chosen, connection), *acl_commands(kafka, access, connection)]))


def _roles(option: str | None, configured: tuple[str, ...]) -> list[Role]:
    from workers.kafka.permissions import NEEDED

    names = configured if option is None else tuple(name.strip() for name in option.split(",") if name.strip())
    unknown = [name for name in names if name not in NEEDED]
    if unknown or not names:
        raise SettingsError(f"--roles: unknown role {', '.join(unknown) or 'none'}; there are: {', '.join(NEEDED)}")
    return cast("list[Role]", list(names))
