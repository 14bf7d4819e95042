"""Sends on what another node answers. ASGI middleware; runs on the event loop.

A proxy and no redirect: pages and their sockets stay on one origin, and browsers need not reach the nodes. What was
sent on once is never sent on again (`X-Livesight-Via`), so that two processes that disagree do not play ball.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator

import httpx
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from api.cluster.proxy_socket import send_on as send_socket_on
from api.cluster.routing import ClusterRoutes, RemoteNode
from api.http.errors import Problem
from api.http.problems import problem_of, response_of
from workers.errors import WorkerError

log = structlog.get_logger(__name__)

VIA = "x-livesight-via"
# RFC 9110, 7.6.1; lengths are kept, as bodies are sent on as they are
_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    "upgrade".split()
)
_NOT_ASKED_WITH = _HOP | {"host", "origin", VIA}
_ANSWERED_HERE = _HOP | {"server", "date"}
_TIMEOUT = httpx.Timeout(10.0, connect=3.0, read=None, pool=None)  # MJPEG may be silent
_KEEPALIVE = [  # so a machine that vanished is noticed all the same
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]


def node_client() -> httpx.AsyncClient:
    """What asks other nodes. Its owner closes it."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # else a line for each request
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
    transport = httpx.AsyncHTTPTransport(limits=limits, socket_options=_KEEPALIVE, trust_env=False)
    return httpx.AsyncClient(timeout=_TIMEOUT, transport=transport, trust_env=False)


class ClusterProxy:
    """Before the routes: what `routes` says is elsewhere goes there."""

    def __init__(self, app: ASGIApp, routes: ClusterRoutes, client: httpx.AsyncClient) -> None:
        self._app = app
        self._routes = routes
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the module."""
        if scope["type"] not in ("http", "websocket") or VIA in Headers(scope=scope):
            return await self._app(scope, receive, send)
        try:
            where = self._routes.target(scope.get("method", "GET"), scope["path"])
        except (Problem, WorkerError) as error:
            return await refuse(problem_of(error), scope, receive, send)
        if where is None:
            return await self._app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send_socket_on(WebSocket(scope, receive, send), where, VIA)
        await self._send_on(Request(scope, receive), where, scope, receive, send)

    async def _send_on(self, request: Request, where: RemoteNode, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._ask(request, where)
        except ClientDisconnect:
            return
        except httpx.HTTPError as error:
            log.info("node_unreachable", node=where.node, path=scope["path"], reason=str(error) or repr(error))
            return await refuse(unreachable(where, error), scope, receive, send)
        response = Response() if request.method == "HEAD" else StreamingResponse(_body(answer))
        response.status_code = answer.status_code
        headers = MutableHeaders()
        for name, value in answer.headers.multi_items():
            if name.lower() not in _ANSWERED_HERE:
                headers.append(name, value)
        response.raw_headers = headers.raw
        try:
            await response(scope, receive, send)
        finally:
            await answer.aclose()

    async def _ask(self, request: Request, where: RemoteNode) -> httpx.Response:
        url = httpx.URL(where.address).copy_with(raw_path=_raw_path(request.scope))
        headers = [(name, value) for name, value in request.headers.items() if name not in _NOT_ASKED_WITH]
        headers.append((VIA, "1"))
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        asked = self._client.build_request(
            request.method, url, headers=headers, content=request.stream() if has_body else None
        )
        return await self._client.send(asked, stream=True)


def unreachable(where: RemoteNode, error: Exception) -> Problem:
    """What a viewer is told when the node that has the picture does not answer."""
    detail = f"the node {where.node} does not answer: {str(error) or type(error).__name__}"
    return Problem("node-away", detail, headers={"retry-after": "2"})


async def refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a problem; a socket before its handshake."""
    response = response_of(problem)
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    """As it comes, not decoded. A node that dies in the middle ends it short, as a broken connection would."""
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    except httpx.HTTPError as error:
        log.info("node_lost", url=str(answer.url.path), reason=str(error) or repr(error))


def _raw_path(scope: Scope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return path.split(b"?", 1)[0] + (b"?" + query if query else b"")
