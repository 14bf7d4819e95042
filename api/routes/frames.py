"""WS /v1/streams/{id}/frames: images in, results out. Runs on the event loop.

A binary message is one JPEG, PNG or WebP; the n-th, from 0, is ordinal n. Each is answered exactly once, by a frame
result whose `frame` is its ordinal, by `{"dropped": [ordinals]}`, or by `{"error": problem, "frame": n}`. Overload is
answered, it never closes the socket. Close codes: text (1003), a removed stream or a shutdown (1001), too
many bytes (1009), a busy stream or too many pushes (1013), and models that cannot be used (1008).
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Depends
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.http.error_responses import problem_of
from api.http.errors import Problem
from api.http.parameters import PushQuery, StreamIdInPath
from api.http.sockets import POLICY_VIOLATION, TOO_BIG, TRY_AGAIN_LATER, UNSUPPORTED_DATA, close, race
from api.http.viewer_queue import ViewerEnded
from api.push.push_answers import PushAnswers
from api.routes.context import ApiContext, Context
from stream.errors import BadImageError, MailboxClosed
from stream.sources.frames_source import FramesSource
from workers.access.declaration import Needs
from workers.errors import WorkerError

router = APIRouter(dependencies=[Depends(Needs("push"))])


@router.websocket("/v1/streams/{stream_id}/frames")
async def push_frames(websocket: WebSocket, stream_id: StreamIdInPath, context: Context, options: PushQuery) -> None:
    """Push images as the stream `stream_id`, which exists as long as the push and a little longer."""
    await websocket.accept()
    if context.pushes.feeding >= context.settings.pushes:
        return await close(
            websocket, TRY_AGAIN_LATER, f"api.pushes: {context.settings.pushes} pushes are active, the maximum"
        )
    loop = asyncio.get_running_loop()
    answers = PushAnswers(context.settings.answer_timeout_s)

    def hand_over_dropped(ordinals: list[int]) -> None:
        _on_loop(loop, answers.dropped, ordinals)

    def hand_over_failed(ordinal: int, reason: str) -> None:
        _on_loop(loop, answers.failed, ordinal, Problem("bad-image", reason))

    try:
        config = options.config(stream_id)
        source = FramesSource(config, context.stream_settings, hand_over_dropped, hand_over_failed)
        answers.session = source.session
        with context.hub.attached(answers, frozenset({stream_id})):
            push = await context.pushes.begin(source, config, answers.stream_removed)
            try:
                await _serve(websocket, context, source, answers)
            finally:
                await asyncio.shield(asyncio.to_thread(source.close))
                context.pushes.end(push)
    except (Problem, WorkerError) as error:
        code = TRY_AGAIN_LATER if problem_of(error).status_code in (409, 503) else POLICY_VIOLATION
        await close(websocket, code, str(problem_of(error).detail))


async def _serve(websocket: WebSocket, context: ApiContext, source: FramesSource, answers: PushAnswers) -> None:
    try:
        await race(_receive(websocket, context, source, answers), _answer(websocket, answers), answers.expire())
    except WebSocketDisconnect:
        return
    except ViewerEnded as ended:
        await close(websocket, ended.code, ended.reason)


async def _receive(websocket: WebSocket, context: ApiContext, source: FramesSource, answers: PushAnswers) -> None:
    """Receive images; wait while the client does not read its answers, so that nothing piles up here."""
    max_bytes = context.stream_settings.image_bytes
    while True:
        await answers.room()
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"], message.get("reason"))
        data = message.get("bytes")
        if data is None:
            raise ViewerEnded(UNSUPPORTED_DATA, "send each image as one binary message")
        if len(data) > max_bytes:
            raise ViewerEnded(TOO_BIG, f"the image has {len(data)} bytes; at most {max_bytes} are allowed")
        ordinal = answers.expect()
        try:
            source.push(ordinal, data)
        except BadImageError as error:
            answers.failed(ordinal, problem_of(error))
        except MailboxClosed:
            answers.dropped([ordinal])


async def _answer(websocket: WebSocket, answers: PushAnswers) -> None:
    while True:
        await websocket.send({"type": "websocket.send", "text": await answers.take()})


def _on_loop(loop: asyncio.AbstractEventLoop, callback: object, *arguments: object) -> None:
    """Call back on the loop from the source's threads; does nothing after the loop's end."""
    try:
        loop.call_soon_threadsafe(callback, *arguments)  # type: ignore[arg-type]
    except RuntimeError:
        return
