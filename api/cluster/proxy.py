"""Forwards requests that another node answers. ASGI middleware; runs on the event loop.

A proxy, not a redirect: pages and their sockets stay on one origin, and browsers need not reach the nodes. What goes on
is the request with an assertion of who makes it (workers/access/assertion.py), and none of the viewer's credentials. A
request that has one was forwarded and is answered here, so that two processes that disagree do not forward it for ever.
Where processes share no secret, which is in `auth.mode` none only, X-Livesight-Via of a peer in the cluster's networks
takes its place. Nothing is said about a stream to those who may not know of it, wherever it runs.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from urllib.parse import unquote

import httpx
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from api.cluster.forwarded_headers import VIA, answered, asked, query_of
from api.cluster.routing import ClusterRoutes, RemoteNode, distrusted, unreachable
from api.cluster.websocket_proxy import forward_socket
from api.http.error_responses import problem_of, response_of
from api.http.errors import Problem
from workers.access.assertion import Assertions, narrowed
from workers.access.declaration import FORWARDED_BY, check, principal_of
from workers.access.principal import Principal
from workers.cluster.trust import ClusterTrust
from workers.errors import WorkerError

log = structlog.get_logger(__name__)

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
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))  # else one answer's would be in the next request
    return httpx.AsyncClient(timeout=_TIMEOUT, transport=transport, trust_env=False, cookies=no_cookies)


@dataclass(frozen=True, slots=True)
class Peers:
    """How to reach the other processes, whom to believe, and what they believe."""

    client: httpx.AsyncClient
    trust: ClusterTrust
    assertions: Assertions | None


class ClusterProxy:
    """Runs before the routes; forwards what `routes` assigns to another process."""

    def __init__(self, app: ASGIApp, routes: ClusterRoutes, peers: Peers) -> None:
        self._app = app
        self._routes = routes
        self._client = peers.client
        self._trust = peers.trust
        self._assertions = peers.assertions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the module."""
        if scope["type"] not in ("http", "websocket") or self._was_forwarded(scope):
            return await self._app(scope, receive, send)
        try:
            target = self._target(principal_of(HTTPConnection(scope)), scope.get("method", "GET"), scope["path"])
            url = None if target is None else _url(target, scope)
        except (Problem, WorkerError) as error:
            return await refuse(problem_of(error), scope, receive, send)
        if target is None or url is None:
            return await self._app(scope, receive, send)
        identity = self._identity(scope, target, url)
        if scope["type"] == "websocket":
            return await forward_socket(WebSocket(scope, receive, send), target, url, identity)
        request = Request(scope, receive)
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        forwarded = self._client.build_request(
            request.method,
            url,
            headers=[*asked(request.headers.items()), *identity.items()],
            content=request.stream() if has_body else None,
        )
        await self._forward(forwarded, target, scope, receive, send)

    def _was_forwarded(self, scope: Scope) -> bool:
        if FORWARDED_BY in scope:
            return True
        return self._trust.unsigned and VIA in Headers(scope=scope) and self._is_peer(scope)

    def _is_peer(self, scope: Scope) -> bool:
        try:
            address = ip_address((scope.get("client") or ("",))[0])
        except ValueError:
            return False
        return any(address in network for network in self._trust.networks)

    def _target(self, principal: Principal, method: str, path: str) -> RemoteNode | None:
        """The process to ask. Raises as `check`, before anything about the stream can be told."""
        stream_id = self._routes.stream_of(method, path)
        if stream_id is not None and not principal.knows(stream_id):
            check(principal, "push" if self._routes.is_push(path) else "results", stream_id)
        try:
            target = self._routes.target(method, path)
        except (Problem, WorkerError):
            _refuse_anonymous(principal)
            raise
        if target is not None:
            _refuse_anonymous(principal)
        return target

    def _identity(self, scope: Scope, target: RemoteNode, url: httpx.URL) -> dict[str, str]:
        """What the request to the other process carries to say who makes it."""
        if self._assertions is None:
            return {VIA: "1"}
        method, principal = scope.get("method", "GET"), principal_of(HTTPConnection(scope))
        if (stream_id := self._routes.stream_of(method, scope["path"])) is not None:
            principal = narrowed(principal, stream_id)
        return self._assertions.headers(principal, target.node, method, url.raw_path.decode("ascii"))

    async def _forward(
        self, request: httpx.Request, target: RemoteNode, scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            answer = await self._client.send(request, stream=True)
        except ClientDisconnect:
            return
        except (httpx.HTTPError, httpx.InvalidURL) as error:  # the client parses where a redirect leads
            log.info("node_unreachable", node=target.node, path=scope["path"], reason=str(error) or repr(error))
            return await refuse(unreachable(target, error), scope, receive, send)
        try:
            if answer.status_code == 401:
                return await refuse(distrusted(target, await answer.aread()), scope, receive, send)
            response = Response() if request.method == "HEAD" else StreamingResponse(_body(answer))
            response.status_code = answer.status_code
            headers = MutableHeaders()
            for name, value in answered(answer.headers.multi_items(), target):
                headers.append(name, value)
            response.raw_headers = headers.raw
            await response(scope, receive, send)
        finally:
            await answer.aclose()


def _refuse_anonymous(principal: Principal) -> None:
    """Raises Unauthenticated: nothing that others answer is for everybody."""
    if principal.kind == "anonymous":
        check(principal, "results")


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


def _url(target: RemoteNode, scope: Scope) -> httpx.URL:
    """Where the request goes. Raises Problem where that would be another path than the one that was allowed."""
    try:
        url = httpx.URL(target.address).copy_with(raw_path=_raw_path(scope))
    except (httpx.InvalidURL, UnicodeDecodeError):
        raise Problem("bad-request", "address: has a character that must be percent-encoded, or is too long") from None
    if unquote(url.raw_path.split(b"?", 1)[0].decode("ascii")) != scope["path"]:
        raise Problem("bad-request", "path: other processes would read another one; send it in its plain spelling")
    return url


def _raw_path(scope: Scope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query = query_of(scope.get("query_string", b""))
    return path.split(b"?", 1)[0] + (b"?" + query if query else b"")
