"""How many bytes a request may bring. Runs on the event loop."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import Problem
from api.http.problems import response_of


class BodyLimit:
    """ASGI middleware: a body is refused by its declared length, or at the byte that is too many.

    Starlette's own limit answers in plain text; every error of ours is a problem.
    """

    def __init__(self, app: ASGIApp, most_bytes: int, by_path: Mapping[str, int]) -> None:
        """`by_path` has the paths that take more, or less, than `most_bytes`."""
        self._app = app
        self._most_bytes = most_bytes
        self._by_path = dict(by_path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the class."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        most = self._by_path.get(scope["path"], self._most_bytes)
        problem = Problem("body-too-large", f"body: at most {most} bytes are taken here")
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isascii() and declared.isdigit() and int(declared) > most:
            return await response_of(problem)(scope, receive, send)
        came = 0

        async def receive_counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > most:
                raise problem
            return message

        return await self._app(scope, receive_counted, send)
