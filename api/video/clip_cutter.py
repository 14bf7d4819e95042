"""Clips for monitoring, which sees no pixels: cut here or by the node that has the stream. Any thread; blocks."""

from __future__ import annotations

from typing import Any

import httpx

from api.http.errors import Problem
from api.http.problems import problem_of
from api.routes.clips import FROM_HEADER, TO_HEADER, ClipRequest, cut_here
from workers.bus.clip import Clip
from workers.cluster.cluster import Cluster
from workers.errors import ClipNotYet, ClipUnavailable, WorkerError
from workers.node.node import Node

_TIMEOUT = httpx.Timeout(10.0, connect=3.0)


class ClipCutter:
    """Call it with a stream, the session that its times belong to, and from when to when (`pts_us`).

    Raises ClipUnavailable, and its ClipNotYet where asking later may help.
    """

    def __init__(self, node: Node, cluster: Cluster | None) -> None:
        self._node = node
        self._cluster = cluster

    def __call__(self, stream_id: str, session: str, from_us: int, to_us: int) -> Clip:
        """See the class."""
        wish = ClipRequest(from_us=from_us, to_us=to_us, session=session)
        if self._cluster is None or self._node.runs(stream_id):
            return self._here(stream_id, wish)
        status = self._cluster.board.stream(stream_id)
        if status is None:
            raise ClipNotYet(f"no node runs {stream_id} now")
        return _there(status.address, stream_id, wish)

    def _here(self, stream_id: str, wish: ClipRequest) -> Clip:
        try:
            cut = cut_here(self._node, stream_id, wish)
        except (Problem, WorkerError) as error:
            document = problem_of(error).document()
            raise _refused(document, wish) from error
        return Clip(cut.file.data, cut.file.media_type, cut.from_us, cut.to_us)


def _there(address: str, stream_id: str, wish: ClipRequest) -> Clip:
    """Asked of another node, at `http://host:port`."""
    try:
        with httpx.Client(timeout=_TIMEOUT, trust_env=False) as client:
            answer = client.post(f"{address}/v1/streams/{stream_id}/clips", json=wish.model_dump())
        if not answer.is_success:
            raise _refused(answer.json(), wish)
        return Clip(
            answer.content,
            answer.headers["content-type"],
            int(answer.headers[FROM_HEADER]),
            int(answer.headers[TO_HEADER]),
        )
    except (httpx.HTTPError, KeyError, ValueError) as error:
        raise ClipNotYet(f"the node of {stream_id} did not give a clip: {type(error).__name__}") from error


def _refused(document: dict[str, Any], wish: ClipRequest) -> ClipUnavailable:
    """A node's problem as ours: pictures that are still to come are worth waiting for."""
    why = str(document.get("detail") or document.get("title") or "the node gave no clip")
    to_come = document.get("status") == 416 and int(document.get("to_us", wish.to_us)) < wish.from_us
    return ClipNotYet(why) if to_come or document.get("status") == 503 else ClipUnavailable(why)
