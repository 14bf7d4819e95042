"""Grants as they are stored and as they stand in requests and answers. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from workers.access.principal import EVERY_STREAM, PATTERN, Grant, Principal
from workers.access.roles import ROLE_OF, Action, Role, allowed
from workers.errors import Forbidden

Pattern = Annotated[str, StringConstraints(pattern=PATTERN)]


class GrantBody(BaseModel):
    """A role on the streams that match one of the patterns; `*` stands for any characters."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    role: Role
    streams: Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=100)] = EVERY_STREAM
    actions: Annotated[
        frozenset[Action] | None, Field(description="Only these actions of the role's; null: all of them.")
    ] = None

    @classmethod
    def of(cls, grant: Grant) -> GrantBody:
        """As it is shown."""
        return cls(role=grant.role, streams=grant.streams, actions=grant.actions)

    def grant(self) -> Grant:
        """As the rest of the service has it. Actions that the role does not allow are left out."""
        actions = None if self.actions is None else self.actions & allowed(self.role)
        return Grant(self.role, self.streams, actions)


MOST_PATTERNS = 200


def _few_patterns(grants: tuple[GrantBody, ...]) -> tuple[GrantBody, ...]:
    """What a principal may do travels with each request between processes."""
    patterns = sum(len(one.streams) for one in grants)
    if patterns > MOST_PATTERNS:
        raise ValueError(f"there are {patterns} patterns of streams, and {MOST_PATTERNS} at most; use * in them")
    return grants


Grants = Annotated[tuple[GrantBody, ...], Field(max_length=100), AfterValidator(_few_patterns)]

_STORED: TypeAdapter[tuple[GrantBody, ...]] = TypeAdapter(tuple[GrantBody, ...])


def stored(grants: Iterable[Grant]) -> str:
    """As JSON, for a column."""
    return _STORED.dump_json(tuple(map(GrantBody.of, grants))).decode()


def restored(text: str) -> tuple[Grant, ...]:
    """From a column. Raises ValidationError for what `stored` did not write."""
    if '"node"' in text:  # a role that there was, and that allowed nothing
        text = json.dumps([grant for grant in json.loads(text) if grant.get("role") != "node"])
    return tuple(body.grant() for body in _STORED.validate_json(text))


def shown(grants: Iterable[Grant]) -> list[GrantBody]:
    """For answers."""
    return list(map(GrantBody.of, grants))


def check_may_grant(principal: Principal, grants: Iterable[Grant]) -> None:
    """Nobody lets an account do more than they may themselves. Raises Forbidden."""
    lacked = _lacked(principal, grants)
    if lacked is not None:
        action, streams = lacked
        raise Forbidden(f"you may not do {action} on all of {streams}, so nor may it")


def check_may_manage(principal: Principal, grants: Iterable[Grant]) -> None:
    """Nobody changes, removes, or makes a way into an account that may do more than they, by `grants`.

    Raises Forbidden.
    """
    lacked = _lacked(principal, grants)
    if lacked is not None:
        action, streams = lacked
        raise Forbidden(f"you may not do {action} on all of {streams}, as this account may; ask somebody who may")


def _lacked(principal: Principal, grants: Iterable[Grant]) -> tuple[Action, str] | None:
    """An action of `grants` that the principal may not do on all the streams they give it on, and those."""
    for grant in grants:
        for action in ROLE_OF:
            if grant.allows(action) and not _covers(principal, action, grant):
                return action, ", ".join(grant.streams)
    return None


def _covers(principal: Principal, action: Action, grant: Grant) -> bool:
    """Whatever a pattern matches, one that matches the pattern's own text matches too."""
    scope = principal.scope(action)
    return all(pattern in scope for pattern in grant.streams)
