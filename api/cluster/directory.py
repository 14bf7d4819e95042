"""Which streams there are, wherever they run, and changing them. Any thread; changes block: never on the event loop."""

from __future__ import annotations

from typing import Any, Protocol

from api.http.errors import Problem
from stream.config import StreamConfig
from workers.cluster.cluster import Cluster
from workers.cluster.status import StreamStatus
from workers.errors import ModelError, StreamUnknown
from workers.node.node import Node
from workers.node.stream_view import StreamView, configured


class Directory(Protocol):
    """What the routes ask and tell."""

    def streams(self) -> list[StreamView]:
        """All, by id."""
        ...

    def stream(self, stream_id: str) -> StreamView:
        """One. Raises StreamUnknown."""
        ...

    def shared(self, stream_id: str) -> bool:
        """Whether the stream is a wish to all nodes; else it is some node's own (pushed, or of its configuration)."""
        ...

    def add(self, config: StreamConfig) -> StreamView:
        """Add a stream for good. Raises StreamExists, SourceError, ModelError, EngineError, BusError."""
        ...

    def update(self, stream_id: str, changes: dict[str, Any]) -> StreamView:
        """Change a stream. Raises StreamUnknown, and as `add`."""
        ...

    def remove(self, stream_id: str) -> None:
        """End a shared stream. Raises StreamUnknown, BusError."""
        ...


class LocalDirectory:
    """One process: the node's streams, which it keeps itself."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def streams(self) -> list[StreamView]:
        """See Directory."""
        return self._node.streams()

    def stream(self, stream_id: str) -> StreamView:
        """See Directory."""
        return self._node.stream(stream_id)

    def shared(self, stream_id: str) -> bool:
        """See Directory."""
        return False

    def add(self, config: StreamConfig) -> StreamView:
        """See Directory."""
        return self._node.add(config, keep=True)

    def update(self, stream_id: str, changes: dict[str, Any]) -> StreamView:
        """See Directory."""
        return self._node.update(stream_id, changes)

    def remove(self, stream_id: str) -> None:
        """See Directory."""
        self._node.remove(stream_id)


class ClusterDirectory:
    """Many processes: the wishes, what the nodes say of them, and this process's own streams if it is a node."""

    def __init__(self, cluster: Cluster, node: Node, is_node: bool) -> None:
        self._cluster = cluster
        self._node = node
        self._is_node = is_node

    def streams(self) -> list[StreamView]:
        """See Directory."""
        found = {stream_id: status.stream for stream_id, status in self._cluster.board.streams().items()}
        found |= {view.id: view for view in self._node.streams()}
        for stream_id, wish in self._cluster.known.all().items():
            if stream_id not in found:
                found[stream_id] = waiting(wish.stream, self._cluster.board.last(stream_id))
        return [view for _, view in sorted(found.items())]

    def stream(self, stream_id: str) -> StreamView:
        """See Directory."""
        try:
            return self._node.stream(stream_id)
        except StreamUnknown:
            status = self._cluster.board.stream(stream_id)
            wish = self._cluster.known.get(stream_id)
            if status is not None:
                return status.stream
            if wish is not None:
                return waiting(wish.stream, self._cluster.board.last(stream_id))
            raise

    def shared(self, stream_id: str) -> bool:
        """See Directory."""
        return self._cluster.known.get(stream_id) is not None

    def add(self, config: StreamConfig) -> StreamView:
        """See Directory. What no node could run is refused here as far as this process can tell."""
        if not self._cluster.settings.lease:
            if self._is_node:
                return self._node.add(config, keep=True)
            raise Problem("conflict", "cluster.lease is false: each node keeps its own streams; add it to a node")
        self._check(config)
        self._cluster.add(config)
        return self.stream(config.id)

    def update(self, stream_id: str, changes: dict[str, Any]) -> StreamView:
        """See Directory."""
        wish = self._cluster.known.get(stream_id)
        if wish is None:
            return self._node.update(stream_id, changes)
        config = StreamConfig.model_validate({**wish.stream.model_dump(), **changes})
        self._check(config)
        self._cluster.change(config)
        return waiting(config, self._cluster.board.stream(stream_id))

    def remove(self, stream_id: str) -> None:
        """See Directory."""
        self._cluster.remove(stream_id)

    def _check(self, config: StreamConfig) -> None:
        if self._is_node:
            known = {card.name for card in self._node.models()} | self._node.loaded().keys()
            for name in config.models:
                if name not in known:
                    raise ModelError(f"there is no model {name}; there are {', '.join(sorted(known)) or 'none'}")


def waiting(config: StreamConfig, last: StreamStatus | None) -> StreamView:
    """A stream that some node is to run soon: `waiting`, or `disabled`. `last`: what was said of it before."""
    reason = None if last is None else f"{last.node}, which ran it, says nothing any more; another node takes over"
    return configured(config, "", "waiting" if config.enabled else "disabled", reason if config.enabled else None)
