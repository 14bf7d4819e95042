"""Clips of what was just seen, cut from the packets that are kept. Runs on the event loop; muxing in a thread."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import av
import structlog
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from api.http.errors import Problem
from api.routes.context import Context
from api.routes.detections import StreamIdInPath
from api.video.mp4 import ClipFile, clip_file
from stream.decoding.parameter_sets import HeaderError
from stream.ring import CodecConfig, PacketRing, RingPacket
from workers.node.node import Node

log = structlog.get_logger(__name__)

router = APIRouter(tags=["pictures"])

SESSION_HEADER, FROM_HEADER, TO_HEADER = "x-livesight-session", "x-livesight-from-us", "x-livesight-to-us"

_FOREVER_US = 2**62
_AT_ONCE = asyncio.Semaphore(4)


class ClipRequest(BaseModel):
    """From when to when, in the stream's `pts_us`. `session`: the one that these times belong to, to be sure."""

    model_config = ConfigDict(extra="forbid")

    from_us: int = Field(ge=0, le=_FOREVER_US)
    to_us: int = Field(ge=0, le=_FOREVER_US)
    session: str | None = Field(default=None, max_length=64)

    @model_validator(mode="after")
    def _in_order(self) -> ClipRequest:
        if self.to_us < self.from_us:
            raise ValueError("to_us must not be before from_us")
        return self


@dataclass(frozen=True, slots=True)
class Cut:
    """A clip and what it shows."""

    file: ClipFile
    session: str
    from_us: int
    to_us: int
    pictures: int


@router.post(
    "/v1/streams/{stream_id}/clips",
    response_class=Response,
    responses={
        200: {"content": {"video/mp4": {}, "video/webm": {}}, "description": "the clip"},
        404: {"description": "no such stream, or it keeps no packets"},
        409: {"description": "the stream is blurred, and its packets are not; or another session"},
        416: {"description": "that time is not kept (any more, or yet)"},
    },
)
async def cut_clip(parts: Context, stream_id: StreamIdInPath, wish: ClipRequest) -> Response:
    """The pictures from `from_us` to `to_us` as MP4 (VP8 and VP9: WebM), not re-encoded.

    It begins with the key frame before; the X-Livesight headers tell what it covers.
    """
    async with _AT_ONCE:
        cut = await asyncio.to_thread(cut_here, parts.node, stream_id, wish)
    headers = {
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="{stream_id}-{cut.from_us}.{cut.file.suffix}"',
        SESSION_HEADER: cut.session,
        FROM_HEADER: str(cut.from_us),
        TO_HEADER: str(cut.to_us),
        "x-livesight-pictures": str(cut.pictures),
    }
    return Response(cut.file.data, headers=headers, media_type=cut.file.media_type)


def cut_here(node: Node, stream_id: str, wish: ClipRequest) -> Cut:
    """A clip of a stream that `node` runs. Blocks. Raises Problem and StreamUnknown."""
    outlet = node.outlet(stream_id)
    if outlet.blurred:
        raise Problem("conflict", f"{stream_id} is blurred: there are no clips of it, for its packets are not")
    if outlet.ring is None or outlet.ring.codec is None:
        raise Problem("clip-unavailable", f"{stream_id} has no encoded packets (now) that a clip could be cut from")
    codec = outlet.ring.codec
    packets = _cut(stream_id, outlet.ring, wish)
    shown_us = sorted(packet.pts_us for packet in packets)
    return Cut(
        file=_muxed(stream_id, codec, packets),
        session=packets[0].session,
        from_us=shown_us[0],
        to_us=shown_us[-1],
        pictures=len(packets),
    )


def _cut(stream_id: str, ring: PacketRing, wish: ClipRequest) -> list[RingPacket]:
    kept = ring.cut(0, _FOREVER_US)
    if not kept:
        raise Problem("clip-unavailable", f"{stream_id} has no encoded packets now: no key frame came yet")
    session = kept[-1].session
    if wish.session is not None and wish.session != session:
        raise Problem("conflict", f"session {wish.session} of {stream_id} is over; it is {session} now")
    first_us, last_us = min(packet.pts_us for packet in kept), max(packet.pts_us for packet in kept)
    packets = ring.cut(wish.from_us, wish.to_us) if wish.from_us <= last_us and wish.to_us >= first_us else []
    if not packets:
        raise Problem(
            "range-unavailable",
            f"of {stream_id} the time from {first_us} to {last_us} µs is kept, nothing from {wish.from_us} to "
            f"{wish.to_us} µs",
            extra={"session": session, "from_us": first_us, "to_us": last_us},
        )
    return packets


def _muxed(stream_id: str, codec: CodecConfig, packets: list[RingPacket]) -> ClipFile:
    try:
        return clip_file(codec, packets)
    except (HeaderError, ValueError, av.FFmpegError) as error:
        log.warning("clip_failed", stream=stream_id, codec=codec.name, error=str(error))
        raise Problem("clip-unavailable", f"{codec.name} packets of {stream_id} cannot be put into a file") from error
