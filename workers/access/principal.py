"""Who makes a request, and on which streams they may do what. Pure.

A principal has grants: a role on the streams that patterns name, perhaps limited to some actions. In a pattern `*`
stands for any characters, also none; everything else is literal, as stream ids are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from workers.access.roles import INSTALLATION, ROLE_OF, Action, Role, includes

Kind = Literal["local", "anonymous", "user", "service", "process", "link"]
EVERY_STREAM = ("*",)
PATTERN = r"^[a-z0-9_*-]{1,64}$"
"""What a stream pattern looks like, for settings and request bodies."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role on the streams that match one of `streams`. `actions`: only these of the role's; None: all of them."""

    role: Role
    streams: tuple[str, ...] = EVERY_STREAM
    actions: frozenset[Action] | None = None

    def allows(self, action: Action) -> bool:
        """Whether it allows the action on any stream at all."""
        if action in INSTALLATION and "*" not in self.streams:
            return False
        return includes(self.role, ROLE_OF[action]) and (self.actions is None or action in self.actions)


@dataclass(frozen=True, slots=True)
class StreamScope:
    """Some streams, by patterns: `stream_id in scope`. An empty one holds none."""

    patterns: tuple[str, ...]

    @property
    def everything(self) -> bool:
        """Whether every stream is in it, and so are things that belong to no stream."""
        return "*" in self.patterns

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def __contains__(self, stream_id: object) -> bool:
        return isinstance(stream_id, str) and any(_compiled(pattern).fullmatch(stream_id) for pattern in self.patterns)


ALL_STREAMS = StreamScope(EVERY_STREAM)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request.

    id: stable and opaque (`user:…`, `service:…`, `process:node-1`, `local`): what audit entries and limits name.
    credential: the session, key or link that was presented, by its id, never by its secret: what can be revoked.
    expires_at_s: when the credential ends (time.time()); None: not by itself.
    """

    id: str
    kind: Kind
    grants: tuple[Grant, ...] = ()
    credential: str = ""
    expires_at_s: float | None = None
    display_name: str = field(default="", compare=False)

    def scope(self, action: Action) -> StreamScope:
        """The streams on which it may do that; empty: on none."""
        patterns: Iterable[str] = (
            pattern for grant in self.grants if grant.allows(action) for pattern in grant.streams
        )
        return StreamScope(tuple(dict.fromkeys(patterns)))

    def may(self, action: Action, stream_id: str | None = None) -> bool:
        """Whether it may do that: on the stream, or without one on any stream at all."""
        scope = self.scope(action)
        return bool(scope) if stream_id is None else stream_id in scope

    def knows(self, stream_id: str) -> bool:
        """Whether it may know that the stream exists: it may do something there that reads."""
        return any(self.may(action, stream_id) for action in ("pictures", "results", "events", "cameras"))


LOCAL_ADMIN = Principal("local", "local", (Grant("admin"),))
"""Whoever reaches a service whose `auth.mode` is none."""

ANONYMOUS = Principal("anonymous", "anonymous")
"""Nobody in particular: no credential came with the request."""


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    """No pattern takes long: what stands between two `*` is looked for once, where it comes first, as fnmatch does."""
    first, *rest = (re.escape(part) for part in pattern.split("*"))
    if not rest:
        return re.compile(first)
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1] if part)
    return re.compile(f"{first}{middle}.*{rest[-1]}")
