"""What all WebSocket routes share: serving until either side ends, close codes. Runs on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from api.http.viewer_queue import ViewerEnded

UNSUPPORTED_DATA = 1003
POLICY_VIOLATION = 1008
TOO_BIG = 1009
TRY_AGAIN_LATER = 1013

FRAME_WRITER = "livesight.frame_writer"
"""The extension of the ASGI scope that api/server/websocket_protocol.py adds."""


def frame_writer(websocket: WebSocket) -> Callable[[bytes], bool] | None:
    """Writes a whole WebSocket frame at once if the connection has room, and returns whether it did.

    None where the server offers no such writer; then, and whenever it returns False, use ASGI's `send`, which waits
    for room. Only for callers that know that no message of an earlier `send` is still under way.
    """
    writer: Callable[[bytes], bool] | None = websocket.scope.get("extensions", {}).get(FRAME_WRITER)
    return writer


async def race(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run until the first ends, cancel the others, and raise what the first raised."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def until_gone(websocket: WebSocket) -> None:
    """Read and ignore messages until the peer leaves: raises WebSocketDisconnect then."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"], message.get("reason"))


async def serve(websocket: WebSocket, sending: Coroutine[Any, Any, None]) -> None:
    """Accept and send until the peer leaves or the stream ends; the close frame says why."""
    try:
        await websocket.accept()
        await race(sending, until_gone(websocket))
    except WebSocketDisconnect:
        return
    except ViewerEnded as ended:
        await close(websocket, ended.code, ended.reason)
    finally:
        sending.close()  # if accepting failed, it never started


async def close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close; a peer that is gone already is fine. `reason` is cut to the 123 bytes of a close frame."""
    try:
        await websocket.close(code, reason.encode()[:123].decode(errors="ignore"))
    except (RuntimeError, WebSocketDisconnect):
        return
