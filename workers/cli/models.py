"""`livesight models list|show|promote|rollback`. Runs on the calling thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from workers.cli.command import CommandContext, ConfigOption, JsonOption, OpenContext

if TYPE_CHECKING:
    from workers.registry.promotion import Promotion, Promotions


def mount(app: typer.Typer, open_: OpenContext) -> None:
    """Add the commands to `app`."""
    models = typer.Typer(help="List, inspect, promote and roll back models.", no_args_is_help=True)
    app.add_typer(models, name="models")
    _mount_reading(models, open_)
    _mount_promotion(models, open_)


def _mount_reading(models: typer.Typer, open_: OpenContext) -> None:
    @models.command("list")
    def models_list(as_json: JsonOption = False, config: ConfigOption = None) -> None:
        """List every version of every model, and which one is in service."""
        from workers.cli.tables import models_table

        store = open_(config).store
        rows = [(card, store.folder(card.name).name == str(card.version)) for card in store.cards()]
        if as_json:
            Console(soft_wrap=True).print_json(
                data=[{**card.model_dump(mode="json", by_alias=True), "in_service": used} for card, used in rows]
            )
            return
        Console().print(models_table(rows))

    @models.command("show")
    def models_show(
        name: str,
        version: Annotated[int | None, typer.Option(help="The version to show.", show_default="in service")] = None,
        config: ConfigOption = None,
    ) -> None:
        """Show the card of a model and check its files."""
        from workers.model_card import load_card

        folder = open_(config).store.folder(name, version)
        Console(stderr=True, soft_wrap=True).print(str(folder), style="dim")
        Console(soft_wrap=True).print_json(load_card(folder).model_dump_json(by_alias=True))


def _mount_promotion(models: typer.Typer, open_: OpenContext) -> None:
    @models.command("promote")
    def models_promote(
        name: str,
        version: Annotated[int, typer.Argument(min=1)],
        as_json: JsonOption = False,
        config: ConfigOption = None,
    ) -> None:
        """Put a version in service. A running service with this state_dir switches within two seconds."""
        _print_promotion(_promotions(open_(config, writes=True)).promote(name, version), as_json)

    @models.command("rollback")
    def models_rollback(name: str, as_json: JsonOption = False, config: ConfigOption = None) -> None:
        """Put the version before the last promotion back in service. Repeat to go back further."""
        _print_promotion(_promotions(open_(config, writes=True)).rollback(name), as_json)


def _promotions(opened: CommandContext) -> Promotions:
    from workers.engines.hot_swap import EngineSlots
    from workers.registry.promotion import Promotions

    return Promotions(opened.store, EngineSlots(opened.store, opened.workers), opened.workers)


def _print_promotion(done: Promotion, as_json: bool) -> None:
    if as_json:
        typer.echo(done.model_dump_json())
    elif done.version == done.before:
        typer.echo(f"{done.name} {done.version} was already in service")
    else:
        typer.echo(f"{done.name} {done.version} is now in service; it replaced {done.before}")
