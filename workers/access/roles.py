"""Roles, and the actions that they allow. Pure.

An action is what a route does, in a word; every route names one (workers/access/declaration.py). The table of routes in
docs/authorization.md is generated from those declarations and from this file.
"""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["viewer", "reviewer", "operator", "admin", "metrics"]
Action = Literal[
    "pictures",
    "results",
    "events",
    "predict",
    "acknowledge",
    "people",
    "push",
    "zones",
    "rules",
    "drift",
    "enrol",
    "delete",
    "erase",
    "cameras",
    "models",
    "targets",
    "accounts",
    "audit",
    "metrics",
]

ROLES: tuple[Role, ...] = get_args(Role)
ACTIONS: tuple[Action, ...] = get_args(Action)

ROLE_OF: dict[Action, Role] = {
    "pictures": "viewer",
    "results": "viewer",
    "events": "viewer",
    "predict": "viewer",
    "acknowledge": "reviewer",
    "people": "reviewer",
    "push": "operator",
    "zones": "operator",
    "rules": "operator",
    "drift": "operator",
    "enrol": "operator",
    "delete": "admin",
    "erase": "admin",
    "cameras": "admin",
    "models": "admin",
    "targets": "admin",
    "accounts": "admin",
    "audit": "admin",
    "metrics": "metrics",
}
"""The least role that allows each action: pictures are live video, snapshots and clips; results are streams, their
state and detections; events are stored happenings, alerts, drift and reports, read; people are the names of known
people and where they were seen, and naming: enrolling from events, merging, splitting, contesting; drift commissions a
reference; enrol takes pictures from outside: uploads, and searches by a picture; delete takes tracks, events, images
and clips away for good, erase known people and their looks; cameras are addresses and settings of streams; targets are
where alerts are sent."""

INSTALLATION: frozenset[Action] = frozenset({"people", "enrol", "erase", "models", "targets", "accounts", "audit"})
"""Actions that concern the whole installation: a grant for some streams only does not allow them."""

_LADDER: tuple[Role, ...] = ("viewer", "reviewer", "operator", "admin")


def includes(role: Role, other: Role) -> bool:
    """Whether `role` may do what `other` may. An admin may read metrics."""
    if role == other:
        return True
    if role in _LADDER and other in _LADDER:
        return _LADDER.index(role) > _LADDER.index(other)
    return role == "admin" and other == "metrics"


def allowed(role: Role) -> frozenset[Action]:
    """The actions of a role."""
    return frozenset(action for action, least in ROLE_OF.items() if includes(role, least))
