"""Ends sockets and streamed answers of those who may no longer have them. ASGI middleware; runs on the event loop.

Who makes a request is found out when it begins; sockets, server-sent events and MJPEG last for hours. So whoever has
one is looked up again every few seconds, and at once after a change that this process made: each credential once,
however many connections it has, and all credentials of a kind in one question, so that a slow database is waited for
once and not thousands of times. It stands outside the cluster's proxy: what another node sends passes here too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
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

    async def revalidate(self, principals: Sequence[Principal]) -> Sequence[Principal | None]:
        """Who has each one's credential now; None: it has ended. Asks its store once for all of them.

        Raises WorkerError when it cannot be told now.
        """
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
    """All of this process; `check_soon` after whatever may have ended a session, a key or a grant.

    Each kind of credential is looked up in a task of its own, and what has expired ends in another: none of them waits
    for a store that does not answer but whoever is in it.
    """

    def __init__(self, revalidators: Sequence[Revalidator], every_s: float) -> None:
        self._every_s = every_s
        self._live: set[Live] = set()
        self._rounds: list[Callable[[], Awaitable[None]]] = [self._end_expired]
        self._rounds += [partial(self._look_up, revalidator) for revalidator in revalidators]
        self._soon = [asyncio.Event() for _ in self._rounds]
        self._tasks: list[asyncio.Task[None] | None] = [None for _ in self._rounds]

    def add(self, connection: Live) -> None:
        """Check it from now on."""
        self._live.add(connection)
        for place, task in enumerate(self._tasks):
            if task is None or task.done():
                rounds = self._run(self._rounds[place], self._soon[place])
                self._tasks[place] = asyncio.create_task(rounds, name="live-connections")

    def remove(self, connection: Live) -> None:
        """It has ended."""
        self._live.discard(connection)

    def check_soon(self) -> None:
        """Look everybody up now."""
        for soon in self._soon:
            soon.set()

    async def _run(self, check: Callable[[], Awaitable[None]], soon: asyncio.Event) -> None:
        """As long as there is a connection, and a while more."""
        while self._live:
            try:
                await asyncio.wait_for(soon.wait(), self._every_s)
            except TimeoutError:
                pass
            soon.clear()
            await check()

    async def _end_expired(self) -> None:
        now_s = time.time()
        for connection in list(self._live):
            ends_s = connection.principal.expires_at_s
            if ends_s is not None and now_s >= ends_s:
                connection.end("the session or key has expired")

    async def _look_up(self, revalidator: Revalidator) -> None:
        """One round of one kind of credential."""
        by_credential: dict[tuple[str, str, float | None], list[Live]] = {}
        for connection in self._live:
            principal = connection.principal
            if revalidator.handles(principal):
                key = principal.id, principal.credential, principal.expires_at_s  # links of one address end at times
                by_credential.setdefault(key, []).append(connection)
        if by_credential:
            await self._check(revalidator, list(by_credential.values()))

    async def _check(self, revalidator: Revalidator, groups: Sequence[Sequence[Live]]) -> None:
        """Groups with one credential each. When they cannot be looked up they go on: who is away is the database."""
        try:
            found = await revalidator.revalidate([group[0].principal for group in groups])
        except WorkerError as error:
            log.info("not_looked_up", credentials=len(groups), reason=str(error))
            return
        except Exception:
            if len(groups) == 1:
                log.exception("look_up_failed", principal=groups[0][0].principal.id)
                return
            for group in groups:  # what cannot be read of one keeps nobody else's
                await self._check(revalidator, [group])
            return
        for group, now in zip(groups, found, strict=True):
            for connection in group:
                if now is None:
                    connection.end("signed out, or the key was revoked")
                elif now.grants != connection.principal.grants:
                    connection.end("what you may do has changed; connect again")


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
