"""Pictures in, results out, over one WebSocket. Runs on the event loop.

A binary message is one JPEG, PNG or WebP; the n-th, from 0, is ordinal n. Each is answered exactly once, by a frame
result whose `frame` is its ordinal, by its place in `{"dropped": [ordinals]}`, or by `{"error": problem, "frame": n}`.
Overload is answered, never closed. Closed is for: text (1003), a removed stream or a shutdown (1001), more bytes than
allowed (1009), a busy stream or too many pushes (1013), and models that cannot be used (1008).
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.http.errors import Problem
from api.http.problems import problem_of
from api.http.queries import PushQuery
from api.http.sockets import POLICY_VIOLATION, TOO_BIG, TRY_AGAIN_LATER, UNSUPPORTED_DATA, close, race
from api.http.viewer import ViewerEnded
from api.push.answers import PushAnswers
from api.routes.context import ApiContext, Context
from api.routes.detections import StreamIdInPath
from stream.errors import BadImageError, MailboxClosed
from stream.sources.frames_source import FramesSource
from workers.errors import WorkerError

router = APIRouter()


@router.websocket("/v1/streams/{stream_id}/frames")
async def push_frames(websocket: WebSocket, stream_id: StreamIdInPath, parts: Context, wish: PushQuery) -> None:
    """Push pictures as the stream `stream_id`, which exists as long as the push and a little longer."""
    await websocket.accept()
    if parts.pushes.feeding >= parts.settings.pushes:
        return await close(websocket, TRY_AGAIN_LATER, f"{parts.settings.pushes} pushes are under way already")
    loop = asyncio.get_running_loop()
    answers = PushAnswers(parts.settings.answer_timeout_s)

    def hand_over_dropped(ordinals: list[int]) -> None:
        _on_loop(loop, answers.dropped, ordinals)

    def hand_over_failed(ordinal: int, reason: str) -> None:
        _on_loop(loop, answers.failed, ordinal, Problem("bad-image", reason))

    try:
        config = wish.config(stream_id)
        source = FramesSource(config, parts.stream_settings, hand_over_dropped, hand_over_failed)
        answers.session = source.session
        with parts.hub.attached(answers, frozenset({stream_id})):
            push = await parts.pushes.begin(source, config, answers.stream_removed)
            try:
                await _serve(websocket, parts, source, answers)
            finally:
                await asyncio.shield(asyncio.to_thread(source.close))
                parts.pushes.end(push)
    except (Problem, WorkerError) as error:
        code = TRY_AGAIN_LATER if problem_of(error).status_code in (409, 503) else POLICY_VIOLATION
        await close(websocket, code, str(problem_of(error).detail))


async def _serve(websocket: WebSocket, parts: ApiContext, source: FramesSource, answers: PushAnswers) -> None:
    try:
        await race(_receive(websocket, parts, source, answers), _answer(websocket, answers), answers.expire())
    except WebSocketDisconnect:
        return
    except ViewerEnded as ended:
        await close(websocket, ended.code, ended.reason)


async def _receive(websocket: WebSocket, parts: ApiContext, source: FramesSource, answers: PushAnswers) -> None:
    """Take pictures; wait while the client does not take its answers, so that nothing gathers here."""
    most_bytes = parts.stream_settings.image_bytes
    while True:
        await answers.room()
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"], message.get("reason"))
        data = message.get("bytes")
        if data is None:
            raise ViewerEnded(UNSUPPORTED_DATA, "send each picture as one binary message")
        if len(data) > most_bytes:
            raise ViewerEnded(TOO_BIG, f"the picture has {len(data)} bytes, at most {most_bytes} are taken")
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
    """Hand over from the source's threads; after the loop's end there is nobody to tell."""
    try:
        loop.call_soon_threadsafe(callback, *arguments)  # type: ignore[arg-type]
    except RuntimeError:
        return
