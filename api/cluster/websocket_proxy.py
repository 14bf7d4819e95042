"""Forwards WebSockets that another node answers. Runs on the event loop.

Messages are forwarded one at a time in each direction, so that the node sees a slow viewer as it would see its own.
Close codes and refused handshakes are forwarded as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx
import structlog
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from api.cluster.forwarded_headers import content_type
from api.cluster.routing import RemoteNode, distrusted, unreachable
from api.http.error_responses import response_of
from api.http.errors import Problem
from api.http.sockets import TRY_AGAIN_LATER, close

log = structlog.get_logger(__name__)

_OPEN_S = 5.0
_CLOSE_S = 2.0
_ABNORMAL = frozenset({1005, 1006, 1015})  # must not be sent


class _Connect(connect):
    """Follows no redirect: a node does not choose where a viewer's socket goes."""

    def process_redirect(self, exc: Exception) -> Exception:
        """See connect."""
        return exc


async def forward_socket(websocket: WebSocket, target: RemoteNode, url: httpx.URL, identity: Mapping[str, str]) -> None:
    """Connect to the node, accept, and forward messages until either side ends. `identity`: headers: who asks."""
    try:
        node = await _Connect(
            "ws" + str(url).removeprefix("http"),
            additional_headers=identity,
            subprotocols=[Subprotocol(name) for name in websocket.scope.get("subprotocols", [])] or None,
            open_timeout=_OPEN_S,
            close_timeout=_CLOSE_S,
            max_size=None,  # both ends have their limits
            max_queue=4,
            compression=None,
            proxy=None,
        )
    except InvalidStatus as refused:
        return await websocket.send_denial_response(_denial(refused, target))
    except (OSError, TimeoutError, InvalidHandshake) as error:
        log.info("node_unreachable", node=target.node, path=websocket.url.path, reason=repr(error))
        return await websocket.send_denial_response(response_of(unreachable(target, error)))
    try:
        await websocket.accept(node.subprotocol)
        await _forward(websocket, node)
    finally:
        await node.close()


async def _forward(websocket: WebSocket, node: ClientConnection) -> None:
    """Until one side closes; the other is closed with the same code."""
    up = asyncio.create_task(_to_node(websocket, node))
    down = asyncio.create_task(_to_viewer(websocket, node))
    try:
        done, _ = await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
    for task in done:
        error = task.exception()
        if isinstance(error, WebSocketDisconnect):
            code = error.code if error.code not in _ABNORMAL else 1001
            await node.close(code, error.reason or "")
        elif isinstance(error, ConnectionClosed):
            frame = error.rcvd
            lost = frame is None or frame.code in _ABNORMAL
            await close(
                websocket,
                TRY_AGAIN_LATER if frame is None or lost else frame.code,
                "the node that runs the stream is unreachable" if frame is None or lost else frame.reason,
            )
        elif error is not None:
            raise error
        return


async def _to_node(websocket: WebSocket, node: ClientConnection) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"], message.get("reason"))
        data = message.get("bytes")
        await node.send(data if data is not None else message.get("text") or "")


async def _to_viewer(websocket: WebSocket, node: ClientConnection) -> None:
    while True:
        data = await node.recv()
        kind = "text" if isinstance(data, str) else "bytes"
        await websocket.send({"type": "websocket.send", kind: data})


def _denial(refused: InvalidStatus, target: RemoteNode) -> Response:
    """What a viewer is told of a handshake that the node refused."""
    answer = refused.response
    if answer.status_code == 401:
        return response_of(distrusted(target, bytes(answer.body or b"")))
    if answer.status_code < 400:
        return response_of(Problem("node-away", f"node {target.node} answers with {answer.status_code}"))
    kind = content_type(answer.headers.get("content-type", ""), target)
    return Response(answer.body, answer.status_code, media_type=kind)
