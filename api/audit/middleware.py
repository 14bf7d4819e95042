"""Records what requests see and change. ASGI middleware around authentication; runs on the event loop.

A request is recorded when its answer begins, so that what a viewer saw is told even if the process dies while they look
on; its status is the outcome. What another process forwarded was recorded there.
"""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.audit.entry import AuditFact
from api.audit.observed import Observation, observed, stream_of, tells_itself
from api.audit.trail import AuditTrail
from workers.access.declaration import FORWARDED_BY, PRINCIPAL
from workers.access.principal import ANONYMOUS, Principal

_REFUSED = frozenset({401, 403})


class AuditRecorder:
    """`trail` None: nothing is recorded (`auth.mode` none)."""

    def __init__(self, app: ASGIApp, trail: AuditTrail | None) -> None:
        self._app = app
        self._trail = trail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the module."""
        trail = self._trail
        if trail is None or scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        method = "WS" if scope["type"] == "websocket" else scope["method"]
        seen = observed(method, scope["path"])

        async def recording(message: Message) -> None:
            status = _status(message)
            if status is not None and FORWARDED_BY not in scope:
                _record(trail, scope, method, seen, status)
            await send(message)

        await self._app(scope, receive, recording)


def _status(message: Message) -> int | None:
    """The status that a message of the application begins its answer with."""
    if message["type"] == "websocket.accept":
        return 101
    if message["type"] in ("http.response.start", "websocket.http.response.start"):
        return int(message["status"])
    return None


def _record(trail: AuditTrail, scope: Scope, method: str, seen: Observation | None, status: int) -> None:
    refused = status in _REFUSED and not tells_itself(scope["path"])
    if not refused and (seen is None or status >= 400):
        return
    principal = scope.get(PRINCIPAL, ANONYMOUS)
    assert isinstance(principal, Principal)
    what = "refused" if refused or seen is None else seen.what
    trail.add(
        AuditFact(
            at_ns=time.time_ns(),
            what=what,
            principal=principal.id,
            credential=principal.credential,
            address=(scope.get("client") or ("",))[0],
            method=method,
            target=scope["path"][:300],
            stream=seen.stream if seen is not None else stream_of(scope["path"]),
            outcome="ok" if status < 300 else str(status),
        )
    )
