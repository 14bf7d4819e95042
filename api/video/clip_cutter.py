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
from workers.bus.media import FROM_HEADER, SESSION_HEADER, TO_HEADER, Clip
from workers.cluster.cluster import Cluster
from workers.errors import ClipNotYet, ClipUnavailable, WorkerError
from workers.node.kept_results import ResultLines
from workers.node.node import Node

log = structlog.get_logger(__name__)

FOREVER_US = 2**62
_TIMEOUT = httpx.Timeout(10.0, connect=3.0)


class ClipRequest(BaseModel):
    """From when to when, in the stream's `pts_us`. With `session`, only a clip of that session will do."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    from_us: int = Field(ge=0, le=FOREVER_US, description="From this time on, in the stream's `pts_us`.")
    to_us: int = Field(ge=0, le=FOREVER_US, description="Up to this time, itself included.")
    session: str | None = Field(default=None, max_length=64, description="Only of this session.")

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

    A clip comes with the results of its frames; where these cannot be had, without them. Raises ClipUnavailable, and
    its ClipNotYet where a later call may succeed.
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
        return _fetch(_RemoteNode(self._cluster.assertions, status.node, status.address), stream_id, request)

    def _cut(self, stream_id: str, request: ClipRequest) -> Clip:
        try:
            cut = cut_from_ring(self._node, stream_id, request)
            lines = results_of(self._node, stream_id, ClipRequest(from_us=cut.from_us, to_us=cut.to_us))
        except (Problem, WorkerError) as error:
            document = problem_of(error).document()
            raise _unavailable(document, request) from error
        results = lines.data if lines.session in (cut.session, None) else None
        return Clip(cut.file.data, cut.file.media_type, cut.from_us, cut.to_us, results)


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


def results_of(node: Node, stream_id: str, request: ClipRequest) -> ResultLines:
    """The results of that time which `node` still has. Raises Problem for a session that is over, and StreamUnknown."""
    lines = node.streams.results(stream_id, request.from_us, request.to_us)
    if request.session is not None and lines.session is not None:
        _refuse_other_session(stream_id, request.session, lines.session)
    return lines


def _packets(stream_id: str, ring: PacketRing, request: ClipRequest) -> list[RingPacket]:
    stored = ring.cut(0, FOREVER_US)
    if not stored:
        raise Problem("clip-unavailable", f"stream {stream_id} has not delivered a key frame yet")
    session = stored[-1].session
    if request.session is not None:
        _refuse_other_session(stream_id, request.session, session)
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


def _refuse_other_session(stream_id: str, asked: str, session: str) -> None:
    if asked != session:
        raise Problem("conflict", f"session {asked} of stream {stream_id} is over; now it is {session}")


def _muxed(stream_id: str, codec: CodecConfig, packets: list[RingPacket]) -> ClipFile:
    try:
        return clip_file(codec, packets)
    except (HeaderError, ValueError, av.FFmpegError) as error:
        log.warning("clip_failed", stream=stream_id, codec=codec.name, error=str(error))
        raise Problem("clip-unavailable", f"{codec.name} packets of stream {stream_id} do not fit a file") from error


@dataclass(frozen=True, slots=True)
class _RemoteNode:
    """A node, and how this process says to it who asks."""

    assertions: Assertions | None
    name: str
    address: str

    def ask(self, client: httpx.Client, stream_id: str, request: httpx.Request) -> httpx.Response:
        """Its answer."""
        resource = request.url.raw_path.decode("ascii")
        request.headers.update(process_identity(self.assertions, self.name, resource, stream_id, request.method))
        return client.send(request)


def process_identity(
    assertions: Assertions | None, node: str, resource: str, stream_id: str, method: str = "POST"
) -> dict[str, str]:
    """What tells the node that this process asks, for itself: it may have pictures and results of that stream, and no
    more. `resource`: path and query.
    """
    if assertions is None:
        return {}
    asking = process_principal(assertions.own, Grant("viewer", (stream_id,), frozenset({"pictures", "results"})))
    return assertions.headers(asking, node, method, resource)


def _fetch(node: _RemoteNode, stream_id: str, request: ClipRequest) -> Clip:
    """A clip from another node, with its results."""
    try:
        with httpx.Client(base_url=node.address, timeout=_TIMEOUT, trust_env=False) as client:
            asked = client.build_request("POST", f"/v1/streams/{stream_id}/clips", json=request.model_dump())
            answer = node.ask(client, stream_id, asked)
            if not answer.is_success:
                raise _unavailable(answer.json(), request)
            from_us, to_us = int(answer.headers[FROM_HEADER]), int(answer.headers[TO_HEADER])
            span = ClipRequest(from_us=from_us, to_us=to_us, session=answer.headers[SESSION_HEADER])
            results = _fetch_results(node, client, stream_id, span)
        return Clip(answer.content, answer.headers["content-type"], from_us, to_us, results)
    except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError) as error:
        raise ClipNotYet(f"the node of stream {stream_id} gave no clip: {type(error).__name__}") from error


def _fetch_results(node: _RemoteNode, client: httpx.Client, stream_id: str, span: ClipRequest) -> bytes | None:
    """None where the node gives none, as one of an earlier version: the clip is kept without them."""
    asked = client.build_request("GET", f"/v1/streams/{stream_id}/results", params=span.model_dump())
    try:
        answer = node.ask(client, stream_id, asked)
    except httpx.HTTPError as error:
        log.warning("clip_without_results", stream=stream_id, node=node.name, reason=str(error) or repr(error))
        return None
    if not answer.is_success:
        log.info("clip_without_results", stream=stream_id, node=node.name, status=answer.status_code)
        return None
    return answer.content


def _unavailable(document: dict[str, Any], request: ClipRequest) -> ClipUnavailable:
    """A node's problem as our error: ClipNotYet where the video is still to come."""
    reason = str(document.get("detail") or document.get("title") or "the node gave no clip")
    is_future = document.get("status") == 416 and int(document.get("to_us", request.to_us)) < request.from_us
    return ClipNotYet(reason) if is_future or document.get("status") in (401, 503) else ClipUnavailable(reason)
