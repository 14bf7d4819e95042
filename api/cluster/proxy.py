"""Forwards requests that another node answers. ASGI middleware; runs on the event loop.

A proxy, not a redirect: pages and their sockets stay on one origin, and browsers need not reach the nodes. A request is
forwarded once only (`X-Livesight-Via`), so that two processes that disagree do not forward it for ever.
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

from api.cluster.routing import ClusterRoutes, RemoteNode
from api.cluster.websocket_proxy import forward_socket
from api.http.error_responses import problem_of, response_of
from api.http.errors import Problem
from workers.errors import WorkerError

log = structlog.get_logger(__name__)

VIA = "x-livesight-via"
# RFC 9110, 7.6.1; lengths stay, since bodies are forwarded unchanged
_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    "upgrade".split()
)
_DROPPED_REQUEST = _HOP | {"host", "origin", VIA}
_DROPPED_RESPONSE = _HOP | {"server", "date"}
_TIMEOUT = httpx.Timeout(10.0, connect=3.0, read=None, pool=None)  # MJPEG may be silent
_KEEPALIVE = [  # to notice a machine that vanished
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]


def node_client() -> httpx.AsyncClient:
    """The client for requests to other nodes. Its owner closes it."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # otherwise it logs a line for each request
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
    transport = httpx.AsyncHTTPTransport(limits=limits, socket_options=_KEEPALIVE, trust_env=False)
    return httpx.AsyncClient(timeout=_TIMEOUT, transport=transport, trust_env=False)


class ClusterProxy:
    """Runs before the routes; forwards what `routes` assigns to another process."""

    def __init__(self, app: ASGIApp, routes: ClusterRoutes, client: httpx.AsyncClient) -> None:
        self._app = app
        self._routes = routes
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the module."""
        if scope["type"] not in ("http", "websocket") or VIA in Headers(scope=scope):
            return await self._app(scope, receive, send)
        try:
            target = self._routes.target(scope.get("method", "GET"), scope["path"])
        except (Problem, WorkerError) as error:
            return await refuse(problem_of(error), scope, receive, send)
        if target is None:
            return await self._app(scope, receive, send)
        if scope["type"] == "websocket":
            return await forward_socket(WebSocket(scope, receive, send), target, VIA)
        await self._forward(Request(scope, receive), target, scope, receive, send)

    async def _forward(self, request: Request, target: RemoteNode, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._request(request, target)
        except ClientDisconnect:
            return
        except httpx.HTTPError as error:
            log.info("node_unreachable", node=target.node, path=scope["path"], reason=str(error) or repr(error))
            return await refuse(unreachable(target, error), scope, receive, send)
        response = Response() if request.method == "HEAD" else StreamingResponse(_body(answer))
        response.status_code = answer.status_code
        headers = MutableHeaders()
        for name, value in answer.headers.multi_items():
            if name.lower() not in _DROPPED_RESPONSE:
                headers.append(name, value)
        response.raw_headers = headers.raw
        try:
            await response(scope, receive, send)
        finally:
            await answer.aclose()

    async def _request(self, request: Request, target: RemoteNode) -> httpx.Response:
        url = httpx.URL(target.address).copy_with(raw_path=_raw_path(request.scope))
        headers = [(name, value) for name, value in request.headers.items() if name not in _DROPPED_REQUEST]
        headers.append((VIA, "1"))
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        forwarded = self._client.build_request(
            request.method, url, headers=headers, content=request.stream() if has_body else None
        )
        return await self._client.send(forwarded, stream=True)


def unreachable(target: RemoteNode, error: Exception) -> Problem:
    """The problem when the node that runs the stream does not answer."""
    detail = f"node {target.node} does not answer: {str(error) or type(error).__name__}"
    return Problem("node-away", detail, headers={"retry-after": "2"})


async def refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a problem; a WebSocket before its handshake."""
    response = response_of(problem)
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it arrives, not decoded. A node that dies ends it early, as a broken connection would."""
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    except httpx.HTTPError as error:
        log.info("node_lost", url=str(answer.url.path), reason=str(error) or repr(error))


def _raw_path(scope: Scope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return path.split(b"?", 1)[0] + (b"?" + query if query else b"")
