"""Ends sockets and streamed answers of those who may no longer have them. ASGI middleware; runs on the event loop.

Who makes a request is found out when it begins; sockets, server-sent events and MJPEG last for hours. So whoever has
one is looked up again every few seconds, and at once after a change that this process made. It stands outside the
cluster's proxy: what another node sends passes here too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.sockets import POLICY_VIOLATION
from workers.access.declaration import FORWARDED_BY, PRINCIPAL
from workers.access.principal import Principal
from workers.errors import WorkerError

log = structlog.get_logger(__name__)

_CANCEL_S = 2.0


@runtime_checkable
class Revalidator(Protocol):
    """Looks up again whom a CredentialReader found."""

    def handles(self, principal: Principal) -> bool:
        """Whether the principal's credential is of its kind."""
        ...

    async def revalidate(self, principal: Principal) -> Principal | None:
        """Who has that credential now; None: it has ended. Raises WorkerError when it cannot be told now."""
        ...


class Live(Protocol):
    """What goes on for a principal until it is ended."""

    principal: Principal

    def end(self, reason: str) -> None:
        """Have it end; more than once does no harm."""
        ...


class LiveConnection:
    """A request that has not ended."""

    def __init__(self, principal: Principal, task: asyncio.Task[object]) -> None:
        self.principal = principal
        self.reason: str | None = None
        self._task = task

    def end(self, reason: str) -> None:
        """Have it end, once."""
        if self.reason is None:
            self.reason = reason
            self._task.cancel()


class LiveConnections:
    """All of this process; `check_soon` after whatever may have ended a session, a key or a grant."""

    def __init__(self, revalidators: Sequence[Revalidator], every_s: float) -> None:
        self._revalidators = revalidators
        self._every_s = every_s
        self._live: set[Live] = set()
        self._soon = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, connection: Live) -> None:
        """Check it from now on."""
        self._live.add(connection)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="live-connections")

    def remove(self, connection: Live) -> None:
        """It has ended."""
        self._live.discard(connection)

    def check_soon(self) -> None:
        """Look everybody up now."""
        self._soon.set()

    async def _run(self) -> None:
        """As long as there is one, and a while more."""
        while self._live:
            try:
                await asyncio.wait_for(self._soon.wait(), self._every_s)
            except TimeoutError:
                pass
            self._soon.clear()
            by_credential: dict[tuple[str, str], list[Live]] = {}
            for connection in self._live:
                by_credential.setdefault((connection.principal.id, connection.principal.credential), []).append(
                    connection
                )
            for connections in by_credential.values():
                await self._check(connections)

    async def _check(self, connections: Sequence[Live]) -> None:
        """Those with one credential. When it cannot be looked up they go on: who is away is the database."""
        principal = connections[0].principal
        reason = None
        if principal.expires_at_s is not None and time.time() >= principal.expires_at_s:
            reason = "the session or key has expired"
        else:
            try:
                reason = await self._why_ended(principal)
            except WorkerError as error:
                log.info("not_looked_up", principal=principal.id, reason=str(error))
            except Exception:
                log.exception("look_up_failed", principal=principal.id)
        if reason is not None:
            for connection in connections:
                connection.end(reason)

    async def _why_ended(self, principal: Principal) -> str | None:
        for revalidator in self._revalidators:
            if revalidator.handles(principal):
                now = await revalidator.revalidate(principal)
                if now is None:
                    return "signed out, or the key was revoked"
                return None if now.grants == principal.grants else "what you may do has changed; connect again"
        return None


class LiveConnectionGuard:
    """The middleware: behind Authentication, before the proxy and the routes."""

    def __init__(self, app: ASGIApp, live: LiveConnections) -> None:
        self._app = app
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the module."""
        principal = scope.get(PRINCIPAL)
        task = asyncio.current_task()
        forwarded = FORWARDED_BY in scope  # whoever forwarded it holds the viewer's connection, and checks it
        if forwarded or not isinstance(principal, Principal) or not principal.credential or task is None:
            return await self._app(scope, receive, send)
        answer = _Answer(send)
        connection = LiveConnection(principal, task)
        self._live.add(connection)
        try:
            await self._app(scope, receive, answer.send)
        except asyncio.CancelledError:
            if connection.reason is None or task.uncancel() > 0:
                raise
        finally:
            self._live.remove(connection)
        if connection.reason is not None:
            await answer.end(scope["type"], connection.reason)


class _Answer:
    """What was sent, so that it can be ended where it stands."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._started = self._over = False

    async def send(self, message: Message) -> None:
        kind = message["type"]
        self._started |= kind in ("http.response.start", "websocket.accept")
        self._over |= kind in ("websocket.close", "websocket.http.response.start")
        self._over |= kind == "http.response.body" and not message.get("more_body", False)
        await self._send(message)

    async def end(self, kind: str, reason: str) -> None:
        if self._over:
            return
        try:
            async with asyncio.timeout(_CANCEL_S):
                if kind == "websocket":
                    await self._send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": reason})
                    return
                if not self._started:
                    await self._send({"type": "http.response.start", "status": 401, "headers": []})
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        except (RuntimeError, OSError, TimeoutError):  # the peer is gone, or its declared length was not reached
            return
