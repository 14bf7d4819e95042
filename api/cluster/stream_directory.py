"""Lists and changes streams, wherever they run. Any thread; only changes block: never on the event loop."""

from __future__ import annotations

from typing import Any, Protocol

from api.http.errors import Problem
from stream.config import StreamConfig
from workers.cluster.cluster import Cluster
from workers.cluster.status import StreamStatus
from workers.errors import ModelError, StreamUnknown
from workers.node.node import Node
from workers.node.stream_view import StreamView, configured


class StreamDirectory(Protocol):
    """The streams as the routes see them."""

    def streams(self) -> list[StreamView]:
        """All, by id."""
        ...

    def stream(self, stream_id: str) -> StreamView:
        """One. Raises StreamUnknown."""
        ...

    def config(self, stream_id: str) -> StreamConfig:
        """How one is configured, with its secrets. Raises StreamUnknown."""
        ...

    def shared(self, stream_id: str) -> bool:
        """Whether any node may run the stream; else it belongs to one node (pushed, or of its configuration)."""
        ...

    def add(self, config: StreamConfig) -> StreamView:
        """Add a stream permanently. Raises StreamExists, SourceError, ModelError, EngineError, BusError."""
        ...

    def update(self, stream_id: str, changes: dict[str, Any]) -> StreamView:
        """Change a stream. Raises StreamUnknown, and as `add`."""
        ...

    def remove(self, stream_id: str) -> None:
        """End a shared stream. Raises StreamUnknown, BusError."""
        ...


class LocalDirectory:
    """One process: the node's streams, which the node stores itself."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def streams(self) -> list[StreamView]:
        """See StreamDirectory."""
        return self._node.streams.views()

    def stream(self, stream_id: str) -> StreamView:
        """See StreamDirectory."""
        return self._node.streams.view(stream_id)

    def config(self, stream_id: str) -> StreamConfig:
        """See StreamDirectory."""
        return self._node.streams.config(stream_id)

    def shared(self, stream_id: str) -> bool:
        """See StreamDirectory."""
        return False

    def add(self, config: StreamConfig) -> StreamView:
        """See StreamDirectory."""
        return self._node.streams.add(config, keep=True)

    def update(self, stream_id: str, changes: dict[str, Any]) -> StreamView:
        """See StreamDirectory."""
        return self._node.streams.update(stream_id, changes)

    def remove(self, stream_id: str) -> None:
        """See StreamDirectory."""
        self._node.streams.remove(stream_id)


class ClusterDirectory:
    """Many processes: the shared specs, the nodes' status, and this process's own streams if it is a node."""

    def __init__(self, cluster: Cluster, node: Node, is_node: bool) -> None:
        self._cluster = cluster
        self._node = node
        self._is_node = is_node

    def streams(self) -> list[StreamView]:
        """See StreamDirectory."""
        found = {stream_id: status.stream for stream_id, status in self._cluster.board.streams().items()}
        found |= {view.id: view for view in self._node.streams.views()}
        for stream_id, spec in self._cluster.specs.all().items():
            if stream_id not in found:
                found[stream_id] = waiting(spec.stream, self._cluster.board.last(stream_id))
        return [view for _, view in sorted(found.items())]

    def stream(self, stream_id: str) -> StreamView:
        """See StreamDirectory."""
        try:
            return self._node.streams.view(stream_id)
        except StreamUnknown:
            status = self._cluster.board.stream(stream_id)
            spec = self._cluster.specs.get(stream_id)
            if status is not None:
                return status.stream
            if spec is not None:
                return waiting(spec.stream, self._cluster.board.last(stream_id))
            raise

    def config(self, stream_id: str) -> StreamConfig:
        """See StreamDirectory."""
        spec = self._cluster.specs.get(stream_id)
        return self._node.streams.config(stream_id) if spec is None else spec.stream

    def shared(self, stream_id: str) -> bool:
        """See StreamDirectory."""
        return self._cluster.specs.get(stream_id) is not None

    def add(self, config: StreamConfig) -> StreamView:
        """See StreamDirectory. Refuses what no node could run, as far as this process can tell."""
        if not self._cluster.settings.lease:
            if self._is_node:
                return self._node.streams.add(config, keep=True)
            raise Problem("conflict", "cluster.lease is false: each node runs its own streams; add it at a node")
        self._check(config)
        self._cluster.add(config)
        return self.stream(config.id)

    def update(self, stream_id: str, changes: dict[str, Any]) -> StreamView:
        """See StreamDirectory."""
        spec = self._cluster.specs.get(stream_id)
        if spec is None:
            return self._node.streams.update(stream_id, changes)
        config = spec.stream.changed(changes)
        self._check(config)
        self._cluster.change(config)
        if not spec.stream.keeps_session(config):
            return waiting(config, self._cluster.board.stream(stream_id))
        shown = config.model_dump(include=StreamConfig.model_fields.keys() & StreamView.model_fields.keys() - {"url"})
        return self.stream(stream_id).model_copy(update=shown)

    def remove(self, stream_id: str) -> None:
        """See StreamDirectory."""
        self._cluster.remove(stream_id)

    def _check(self, config: StreamConfig) -> None:
        if self._is_node:
            known = {card.name for card in self._node.models.cards()} | self._node.models.loaded().keys()
            for name in config.models:
                if name not in known:
                    raise ModelError(f"unknown model {name}; there are: {', '.join(sorted(known)) or 'none'}")


def waiting(config: StreamConfig, last: StreamStatus | None) -> StreamView:
    """A stream that some node will run soon: `waiting`, or `disabled`. `last`: its previous status."""
    reason = None if last is None else f"node {last.node}, which ran it, is unreachable; another node takes over"
    return configured(config, "", "waiting" if config.enabled else "disabled", reason if config.enabled else None)
