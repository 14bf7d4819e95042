"""WHIP (RFC 9725): browsers and encoders push by WebRTC. Runs on the event loop.

The media is stream/webrtc/whip_sessions.py's; here are the requests. A push lives as long as its session, whatever
ends that.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Response
from starlette.requests import Request

from api.http.errors import Problem
from api.http.queries import PushQuery
from api.push.pushes import Push, Pushes
from api.routes.context import Context
from api.routes.detections import StreamIdInPath
from stream.config import StreamConfig, StreamSettings
from stream.webrtc.sdp_parsing import ice_server
from stream.webrtc.whip_sessions import WhipAnswer, WhipSessions
from stream.webrtc.whip_source import WhipSource
from workers.node.node import Node

router = APIRouter(tags=["whip"])

_SDP = "application/sdp"
_FRAGMENT = "application/trickle-ice-sdpfrag"


class WhipPushes:
    """Which WHIP session feeds which stream. `close` on the event loop."""

    def __init__(self, node: Node, pushes: Pushes) -> None:
        self.sessions = WhipSessions(node.stream_settings, self._ended)
        self._pushes = pushes
        self._by_session: dict[str, Push] = {}

    async def create(self, config: StreamConfig, offer_sdp: str) -> WhipAnswer:
        """Begin a push of `config.id`. Raises Problem (stream-busy), WhipError, ModelError, EngineError."""
        await self._pushes.refuse_busy(config.id)
        answer = await self.sessions.create(config, offer_sdp)
        # closing the source ends the session
        push = await self._pushes.begin(answer.source, config, lambda: None)
        self._by_session[answer.id] = push
        if answer.source.mailbox.closed:  # the peer left meanwhile: `_ended` may have been called before this
            self._ended(answer.id, answer.source)
        return answer

    def check(self, stream_id: str, session_id: str) -> None:
        """Raises Problem unless the session feeds that stream."""
        push = self._by_session.get(session_id)
        if push is None or push.stream_id != stream_id:
            raise Problem("session-unknown", "there is no such WHIP session, or it has ended")

    def _ended(self, session_id: str, source: WhipSource) -> None:
        push = self._by_session.pop(session_id, None)
        if push is not None:
            self._pushes.end(push)


@router.options("/v1/streams/{stream_id}/whip", response_class=Response)
async def whip_options(stream_id: StreamIdInPath) -> Response:
    """What may be posted. Preflights of other origins are answered before they get here."""
    return Response(headers={"accept-post": _SDP, "allow": "POST, OPTIONS"})


@router.post(
    "/v1/streams/{stream_id}/whip",
    status_code=201,
    response_class=Response,
    responses={201: {"content": {_SDP: {}}, "description": "the answer"}},
    openapi_extra={"requestBody": {"required": True, "content": {_SDP: {"schema": {"type": "string"}}}}},
)
async def whip_offer(request: Request, parts: Context, stream_id: StreamIdInPath, wish: PushQuery) -> Response:
    """An SDP offer in, the answer out. Creates the stream where there is none; 409 where somebody else feeds it."""
    offer_sdp = await _text(request, _SDP)
    answer = await parts.whip.create(wish.config(stream_id), offer_sdp)
    response = Response(answer.sdp, status_code=201, media_type=None)
    response.headers["content-type"] = _SDP
    response.headers["location"] = f"/v1/streams/{stream_id}/whip/{answer.id}"
    response.headers["etag"] = answer.etag
    response.headers["accept-patch"] = _FRAGMENT
    for link in ice_links(parts.stream_settings):
        response.headers.append("link", link)
    return response


@router.options("/v1/streams/{stream_id}/whip/{session_id}", response_class=Response)
async def session_options(stream_id: StreamIdInPath, session_id: str) -> Response:
    """What may be done with a session."""
    return Response(headers={"accept-patch": _FRAGMENT, "allow": "PATCH, DELETE, OPTIONS"})


@router.patch(
    "/v1/streams/{stream_id}/whip/{session_id}",
    status_code=204,
    response_class=Response,
    openapi_extra={"requestBody": {"required": True, "content": {_FRAGMENT: {"schema": {"type": "string"}}}}},
)
async def whip_trickle(
    request: Request,
    parts: Context,
    stream_id: StreamIdInPath,
    session_id: str,
    if_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Trickle: further ICE candidates of the peer. `If-Match` carries the ETag of the answer."""
    parts.whip.check(stream_id, session_id)
    fragment = await _text(request, _FRAGMENT)
    await parts.whip.sessions.patch(session_id, if_match, fragment)
    return Response(status_code=204)


@router.delete("/v1/streams/{stream_id}/whip/{session_id}", response_class=Response)
async def whip_end(parts: Context, stream_id: StreamIdInPath, session_id: str) -> Response:
    """End the session; answered once all of it is gone."""
    parts.whip.check(stream_id, session_id)
    await parts.whip.sessions.delete(session_id)
    return Response()


def ice_links(settings: StreamSettings) -> list[str]:
    """The `Link` headers that tell clients of STUN and TURN servers (RFC 9725, 4.6)."""
    links = []
    for url in settings.ice_servers:
        server = ice_server(url)
        link = f'<{server.urls}>; rel="ice-server"'
        if server.username:
            link += f'; username="{server.username}"; credential="{server.credential}"; credential-type="password"'
        links.append(link)
    return links


async def _text(request: Request, media_type: str) -> str:
    """The body. Raises Problem for another media type or what is no UTF-8."""
    sent = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if sent != media_type:
        accept = {"accept-post" if media_type == _SDP else "accept-patch": media_type}
        raise Problem("media-type-unsupported", f"{sent or 'nothing'}: send {media_type}", headers=accept)
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise Problem("bad-request", "body: it is no UTF-8") from error
