"""Cuts clips from the packets of a stream's ring, here or at the node that runs the stream. Any thread; blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import httpx
import structlog
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.http.error_responses import problem_of
from api.http.errors import Problem
from api.video.mp4 import ClipFile, clip_file
from stream.decoding.parameter_sets import HeaderError
from stream.ring import CodecConfig, PacketRing, RingPacket
from workers.access.assertion import Assertions, process_principal
from workers.access.principal import Grant
from workers.bus.media import Clip
from workers.cluster.cluster import Cluster
from workers.errors import ClipNotYet, ClipUnavailable, WorkerError
from workers.node.node import Node

log = structlog.get_logger(__name__)

SESSION_HEADER, FROM_HEADER, TO_HEADER = "x-livesight-session", "x-livesight-from-us", "x-livesight-to-us"

_FOREVER_US = 2**62
_TIMEOUT = httpx.Timeout(10.0, connect=3.0)


class ClipRequest(BaseModel):
    """From when to when, in the stream's `pts_us`. With `session`, only a clip of that session will do."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    from_us: int = Field(ge=0, le=_FOREVER_US)
    to_us: int = Field(ge=0, le=_FOREVER_US)
    session: str | None = Field(default=None, max_length=64)

    @model_validator(mode="after")
    def _in_order(self) -> ClipRequest:
        if self.to_us < self.from_us:
            raise ValueError("to_us must not be before from_us")
        return self


@dataclass(frozen=True, slots=True)
class CutResult:
    """A clip and the time that it covers."""

    file: ClipFile
    session: str
    from_us: int
    to_us: int
    frames: int


class ClipCutter:
    """For monitoring, which sees no pixels. Call it with a stream, a session, and from when to when (`pts_us`).

    Raises ClipUnavailable, and its ClipNotYet where a later call may succeed.
    """

    def __init__(self, node: Node, cluster: Cluster | None) -> None:
        self._node = node
        self._cluster = cluster

    def __call__(self, stream_id: str, session: str, from_us: int, to_us: int) -> Clip:
        """See the class."""
        request = ClipRequest(from_us=from_us, to_us=to_us, session=session)
        if self._cluster is None or self._node.streams.runs(stream_id):
            return self._cut(stream_id, request)
        status = self._cluster.board.stream(stream_id)
        if status is None:
            raise ClipNotYet(f"no node runs stream {stream_id} now")
        path = f"/v1/streams/{stream_id}/clips"
        identity = process_identity(self._cluster.assertions, status.node, path, stream_id)
        return _fetch(status.address + path, stream_id, request, identity)

    def _cut(self, stream_id: str, request: ClipRequest) -> Clip:
        try:
            cut = cut_from_ring(self._node, stream_id, request)
        except (Problem, WorkerError) as error:
            document = problem_of(error).document()
            raise _unavailable(document, request) from error
        return Clip(cut.file.data, cut.file.media_type, cut.from_us, cut.to_us)


def cut_from_ring(node: Node, stream_id: str, request: ClipRequest) -> CutResult:
    """A clip of a stream that `node` runs. Blocks. Raises Problem and StreamUnknown."""
    passthrough = node.streams.passthrough(stream_id)
    if passthrough.blurred:
        raise Problem("conflict", f"stream {stream_id} is blurred, but its packets are not: clips are unavailable")
    if passthrough.ring is None or passthrough.ring.codec is None:
        raise Problem("clip-unavailable", f"stream {stream_id} has no encoded packets to cut a clip from")
    codec = passthrough.ring.codec
    packets = _packets(stream_id, passthrough.ring, request)
    shown_us = sorted(packet.pts_us for packet in packets)
    return CutResult(
        file=_muxed(stream_id, codec, packets),
        session=packets[0].session,
        from_us=shown_us[0],
        to_us=shown_us[-1],
        frames=len(packets),
    )


def _packets(stream_id: str, ring: PacketRing, request: ClipRequest) -> list[RingPacket]:
    stored = ring.cut(0, _FOREVER_US)
    if not stored:
        raise Problem("clip-unavailable", f"stream {stream_id} has not delivered a key frame yet")
    session = stored[-1].session
    if request.session is not None and request.session != session:
        raise Problem("conflict", f"session {request.session} of stream {stream_id} is over; now it is {session}")
    first_us, last_us = min(packet.pts_us for packet in stored), max(packet.pts_us for packet in stored)
    overlaps = request.from_us <= last_us and request.to_us >= first_us
    packets = ring.cut(request.from_us, request.to_us) if overlaps else []
    if not packets:
        raise Problem(
            "range-unavailable",
            f"stream {stream_id} holds video from {first_us} to {last_us} µs, nothing from {request.from_us} to "
            f"{request.to_us} µs",
            extra={"session": session, "from_us": first_us, "to_us": last_us},
        )
    return packets


def _muxed(stream_id: str, codec: CodecConfig, packets: list[RingPacket]) -> ClipFile:
    try:
        return clip_file(codec, packets)
    except (HeaderError, ValueError, av.FFmpegError) as error:
        log.warning("clip_failed", stream=stream_id, codec=codec.name, error=str(error))
        raise Problem("clip-unavailable", f"{codec.name} packets of stream {stream_id} do not fit a file") from error


def process_identity(assertions: Assertions | None, node: str, path: str, stream_id: str) -> dict[str, str]:
    """What tells the node that this process asks, for itself: it may have pictures of that stream, and no more."""
    if assertions is None:
        return {}
    asking = process_principal(assertions.own, Grant("viewer", (stream_id,), frozenset({"pictures"})))
    return assertions.headers(asking, node, "POST", path)


def _fetch(url: str, stream_id: str, request: ClipRequest, identity: dict[str, str]) -> Clip:
    """A clip from another node."""
    try:
        with httpx.Client(timeout=_TIMEOUT, trust_env=False) as client:
            answer = client.post(url, json=request.model_dump(), headers=identity)
        if not answer.is_success:
            raise _unavailable(answer.json(), request)
        return Clip(
            answer.content,
            answer.headers["content-type"],
            int(answer.headers[FROM_HEADER]),
            int(answer.headers[TO_HEADER]),
        )
    except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError) as error:
        raise ClipNotYet(f"the node of stream {stream_id} gave no clip: {type(error).__name__}") from error


def _unavailable(document: dict[str, Any], request: ClipRequest) -> ClipUnavailable:
    """A node's problem as our error: ClipNotYet where the video is still to come."""
    reason = str(document.get("detail") or document.get("title") or "the node gave no clip")
    is_future = document.get("status") == 416 and int(document.get("to_us", request.to_us)) < request.from_us
    return ClipNotYet(reason) if is_future or document.get("status") in (401, 503) else ClipUnavailable(reason)
