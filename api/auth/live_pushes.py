"""Ends WHIP pushes of those who may no longer push. ASGI middleware; runs on the event loop.

A push's media flows beside HTTP: the request that began it is long over when the session or key behind it ends. So it
is watched like an open request (api/auth/live_connections.py), and ended as its client would end it, by DELETE of its
WHIP session. This stands before the cluster's proxy: it is the process that the client speaks to that can look up who
that is, wherever the media goes. A node that was asked by another process ends a push when the credential behind it
expires.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth.live_connections import LiveConnections
from api.auth.plain_paths import path_fault
from workers.access.assertion import process_principal
from workers.access.declaration import FORWARDED_BY, PRINCIPAL
from workers.access.principal import Grant, Principal

log = structlog.get_logger(__name__)

_SESSIONS = re.compile(r"/v1/streams/([a-z0-9][a-z0-9_-]{0,62})/whip(?:/([^/]+))?")
_KNOWN_AFTER_S = 60.0  # a new stream of another process is known here by then


@dataclass(eq=False, slots=True)
class LivePush:
    """A WHIP session that nobody has ended, as far as this process knows. `path`: of its resource."""

    principal: Principal
    stream_id: str
    path: str
    began_s: float
    on_end: Callable[[LivePush, str], None]
    ending: bool = False

    def end(self, reason: str) -> None:
        """Have it end. Where that fails it is tried again with the next check."""
        if not self.ending:
            self.ending = True
            self.on_end(self, reason)


class LivePushGuard:
    """The middleware: behind LiveConnectionGuard.

    own: this process's name. exists: whether a stream is known; a push to one that is gone is not watched any more.
    """

    def __init__(self, app: ASGIApp, live: LiveConnections, own: str, exists: Callable[[str], bool]) -> None:
        self._app = app
        self._live = live
        self._own = own
        self._exists = exists
        self._pushes: dict[str, LivePush] = {}  # by path
        self._ending: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the module."""
        found = _SESSIONS.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None or scope["method"] not in ("POST", "DELETE"):
            return await self._app(scope, receive, send)
        asked = dict(scope)  # as it was before the routes put theirs into it

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 300:
                self._answered(asked, found[1], Headers(raw=message["headers"]))
            await send(message)

        await self._app(scope, receive, answer)

    def _answered(self, scope: Scope, stream_id: str, headers: Headers) -> None:
        if scope["method"] == "DELETE":
            return self._forget(scope["path"])
        principal, path = _watched(scope), urlsplit(headers.get("location", "")).path
        found = _SESSIONS.fullmatch(path)
        if principal is None or found is None or found[1] != stream_id or not found[2] or path_fault(path) is not None:
            return
        self._forget_over(stream_id)
        push = LivePush(principal, stream_id, path, time.monotonic(), partial(self._end, scope))
        self._pushes[path] = push
        self._live.add(push)

    def _forget(self, path: str) -> None:
        push = self._pushes.pop(path, None)
        if push is not None:
            self._live.remove(push)

    def _forget_over(self, stream_id: str) -> None:
        """A stream has one push at a time: whatever pushed to this one before has ended, whoever ended it. Those of
        streams that are gone go too, so there are never more than streams."""
        before_s = time.monotonic() - _KNOWN_AFTER_S
        for push in list(self._pushes.values()):
            if push.stream_id == stream_id or (push.began_s < before_s and not self._exists(push.stream_id)):
                self._forget(push.path)

    def _end(self, scope: Scope, push: LivePush, reason: str) -> None:
        task = asyncio.create_task(self._delete(scope, push, reason), name=f"end-push-{push.stream_id}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _delete(self, scope: Scope, push: LivePush, reason: str) -> None:
        """In this process's name: who pushed may no longer do it."""
        grant = Grant("operator", (push.stream_id,), frozenset({"push"}))
        request = {
            **scope,
            "method": "DELETE",
            "path": push.path,
            "raw_path": push.path.encode(),
            "query_string": b"",
            "headers": [(name, value) for name, value in scope["headers"] if name == b"host"],
            PRINCIPAL: process_principal(self._own, grant),
        }
        status = 500

        body: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Message:
            if not body:  # who waits for the client to leave waits until the answer is whole
                await asyncio.Event().wait()
            return body.pop()

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)

        try:
            await self._app(request, receive, send)
        except Exception:
            log.exception("push_not_ended", stream=push.stream_id)
        if status < 300 or status == 404:
            self._forget(push.path)
            log.info("push_ended", stream=push.stream_id, principal=push.principal.id, reason=reason)
        else:
            log.warning("push_not_ended", stream=push.stream_id, status=status)
            push.ending = False


def _watched(scope: Scope) -> Principal | None:
    """Whom to look up again. Of a request of another process, which does that itself, only until it expires."""
    principal = scope.get(PRINCIPAL)
    if not isinstance(principal, Principal) or not principal.credential:
        return None
    if FORWARDED_BY not in scope:
        return principal
    if principal.expires_at_s is None:
        return None
    return replace(principal, credential=f"elsewhere {principal.credential}")
