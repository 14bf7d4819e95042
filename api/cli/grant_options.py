"""`--grant ROLE:PATTERN,…` of `livesight users` and `livesight keys`: what an account may do, in text. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from workers.access.roles import ACTIONS, ROLES
from workers.errors import SettingsError

if TYPE_CHECKING:
    from workers.access.principal import Grant

GrantOption = Annotated[
    list[str] | None,
    typer.Option(help="ROLE for all streams, or ROLE:PATTERN,PATTERN such as viewer:gate-*; repeatable."),
]
ActionOption = Annotated[list[str] | None, typer.Option(help="Only this action of the role's; repeatable.")]


def grants_of(texts: Iterable[str], actions: Sequence[str] = ()) -> tuple[Grant, ...]:
    """What the options give. actions: only these; none: all of the roles'. Raises SettingsError."""
    from api.auth.grants import GrantBody

    if unknown := sorted(set(actions) - set(ACTIONS)):
        raise SettingsError(f"--action: there is no {unknown[0]}; there are {', '.join(ACTIONS)}")
    found = []
    for text in texts:
        role, _, streams = text.partition(":")
        wanted = {"role": role, "actions": list(actions) or None}
        try:
            body = GrantBody.model_validate({**wanted, **({"streams": streams.split(",")} if streams else {})})
        except ValidationError as error:
            raise SettingsError(
                f"--grant {text}: must be a role ({', '.join(ROLES)}), perhaps with streams, such as viewer:gate-*,hall"
            ) from error
        found.append(body.grant())
    return tuple(found)


def words_of(grant: Grant) -> str:
    """As `--grant` takes it, and which actions it is limited to."""
    streams = "" if "*" in grant.streams else f":{','.join(grant.streams)}"
    actions = "" if grant.actions is None else f" ({', '.join(sorted(grant.actions))})"
    return f"{grant.role}{streams}{actions}"
