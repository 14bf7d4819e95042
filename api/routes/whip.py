"""WHIP (RFC 9725): browsers and encoders push video by WebRTC. Runs on the event loop."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Response
from starlette.requests import Request

from api.http.errors import Problem
from api.http.parameters import PushQuery, StreamIdInPath
from api.predict.uploads import FILE
from api.routes.context import Context
from stream.config import StreamSettings
from stream.webrtc.ice import ice_server
from workers.access.declaration import Needs, Open
from workers.access.guarded_route import GuardedRoute

router = APIRouter(tags=["whip"], route_class=GuardedRoute)

_PUSHES = Depends(Needs("push"))
_TYPES = Depends(Open("it tells the media type; browsers ask without credentials"))

SessionInPath = Annotated[str, Path(description="The session, as `Location` of the answer to the offer names it.")]

_SDP = "application/sdp"
_FRAGMENT = "application/trickle-ice-sdpfrag"
_TEXT = {"type": "string"}
_OFFER = {**FILE, "description": "SDP (RFC 8866): UTF-8, byte for byte, as WebRTC makes and takes it."}
_CANDIDATES = {**FILE, "description": "An SDP fragment (RFC 8840): ufrag, password and candidates."}
_ANSWERED = {
    "Location": {"description": "Of the session, for PATCH and DELETE.", "schema": _TEXT},
    "ETag": {"description": "For If-Match.", "schema": _TEXT},
    "Accept-Patch": {"description": f"{_FRAGMENT}.", "schema": _TEXT},
    "Link": {"description": "STUN and TURN servers (RFC 9725, 4.6).", "schema": _TEXT},
}


@router.options("/v1/streams/{stream_id}/whip", dependencies=[_TYPES], response_class=Response)
async def get_whip_media_type(stream_id: StreamIdInPath) -> Response:
    """The media type to post. OriginGuard answers the preflights of other origins."""
    return Response(headers={"accept-post": _SDP, "allow": "POST, OPTIONS"})


@router.post(
    "/v1/streams/{stream_id}/whip",
    dependencies=[_PUSHES],
    status_code=201,
    response_class=Response,
    responses={
        201: {"content": {_SDP: {"schema": _OFFER}}, "description": "The SDP answer.", "headers": _ANSWERED},
        406: {"description": "Nothing of what the offer has can be taken."},
        409: {"description": "Another client feeds this stream."},
    },
    openapi_extra={"requestBody": {"required": True, "content": {_SDP: {"schema": _OFFER}}}},
)
async def offer_whip(request: Request, context: Context, stream_id: StreamIdInPath, options: PushQuery) -> Response:
    """Answer an SDP offer. Creates the stream if it does not exist; 409 if another client feeds it."""
    offer_sdp = await _text(request, _SDP)
    answer = await context.whip.create(options.config(stream_id), offer_sdp)
    response = Response(answer.sdp, status_code=201, media_type=None)
    response.headers["content-type"] = _SDP
    response.headers["location"] = f"/v1/streams/{stream_id}/whip/{answer.id}"
    response.headers["etag"] = answer.etag
    response.headers["accept-patch"] = _FRAGMENT
    for link in ice_links(context.stream_settings):
        response.headers.append("link", link)
    return response


@router.options("/v1/streams/{stream_id}/whip/{session_id}", dependencies=[_TYPES], response_class=Response)
async def get_whip_session_methods(stream_id: StreamIdInPath, session_id: SessionInPath) -> Response:
    """The methods and media type of a session."""
    return Response(headers={"accept-patch": _FRAGMENT, "allow": "PATCH, DELETE, OPTIONS"})


@router.patch(
    "/v1/streams/{stream_id}/whip/{session_id}",
    dependencies=[_PUSHES],
    status_code=204,
    response_class=Response,
    responses={
        412: {"description": "The session has changed: If-Match is of another one."},
        428: {"description": "If-Match is missing."},
    },
    openapi_extra={"requestBody": {"required": True, "content": {_FRAGMENT: {"schema": _CANDIDATES}}}},
)
async def add_whip_candidates(
    request: Request,
    context: Context,
    stream_id: StreamIdInPath,
    session_id: SessionInPath,
    if_match: Annotated[str | None, Header(description="The ETag of the answer to the offer.")] = None,
) -> Response:
    """Add ICE candidates of the client (trickle). `If-Match` carries the ETag of the answer."""
    context.whip.check(stream_id, session_id)
    fragment = await _text(request, _FRAGMENT)
    await context.whip.sessions.patch(session_id, if_match, fragment)
    return Response(status_code=204)


@router.delete("/v1/streams/{stream_id}/whip/{session_id}", dependencies=[_PUSHES], response_class=Response)
async def end_whip(context: Context, stream_id: StreamIdInPath, session_id: SessionInPath) -> Response:
    """End the session; answers once everything of it is closed."""
    context.whip.check(stream_id, session_id)
    await context.whip.sessions.delete(session_id)
    return Response()


def ice_links(settings: StreamSettings) -> list[str]:
    """The `Link` headers that give clients the STUN and TURN servers (RFC 9725, 4.6)."""
    links = []
    for url in settings.ice_servers:
        server = ice_server(url)
        link = f'<{server.urls}>; rel="ice-server"'
        if server.username:
            link += f'; username="{server.username}"; credential="{server.credential}"; credential-type="password"'
        links.append(link)
    return links


async def _text(request: Request, media_type: str) -> str:
    """The body as text. Raises Problem for another media type and for invalid UTF-8."""
    sent = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if sent != media_type:
        accept = {"accept-post" if media_type == _SDP else "accept-patch": media_type}
        raise Problem("media-type-unsupported", f"content-type: {sent or 'missing'}; send {media_type}", headers=accept)
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise Problem("bad-request", "body: not valid UTF-8") from error
