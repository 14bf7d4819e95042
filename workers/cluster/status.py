"""The status: who runs what, as `livesight.status` carries it, and what a process knows of it. Any thread.

Records are keyed by stream; those keyed `_node.NAME` say that a node lives, whether it runs streams or not, and those
keyed `_monitor.NAME` which process's monitor works.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from stream.config import ModelName
from workers.bus.identifiers import Count, NodeName, SessionId, ShortText, StreamId, UnreadableMessages
from workers.bus.message_bus import STATUS
from workers.label_words import LabelWords, usual_words
from workers.node.stream_view import StreamView

STATUS_SCHEMA: Final = "livesight.status/1"
NODE_SCHEMA: Final = "livesight.node/1"
MONITOR_SCHEMA: Final = "livesight.monitor/1"
NODE_PREFIX = "_node."
MONITOR_PREFIX = "_monitor."
MOST_TOLD = 300
"""Labels, of all models together, whose words a node repeats with its status."""
Address = Annotated[str, Field(max_length=500)]


def _of_this_version(words: object) -> object:
    """What a later version says of a label besides is left out."""
    known = LabelWords.model_fields
    return {key: value for key, value in words.items() if key in known} if isinstance(words, dict) else words


ToldWords = Annotated[LabelWords, BeforeValidator(_of_this_version)]


def told(words: Mapping[str, Mapping[str, LabelWords]]) -> dict[str, dict[str, LabelWords]]:
    """What a node says of its models' words: those that others do not know anyhow, of the small models first."""
    found: dict[str, dict[str, LabelWords]] = {}
    left = MOST_TOLD
    for name, of_labels in sorted(words.items(), key=lambda one: (len(one[1]), one[0])):
        own = {label: one for label, one in of_labels.items() if one != usual_words(label)}
        left -= len(own)
        if left < 0:
            break
        if own:
            found[name] = own
    return found


class NodeStatus(BaseModel):
    """A node that lives. `leasing`: whether it may run shared cameras now.

    `partitions`: how many of those of the specs the group assigned to it. `heirs`: of one that ends: which of its
    partitions its successors take, by their names. `models`: the versions that it has loaded, by the models' names;
    `words`: what their cards call their labels, for processes that have no cards.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, populate_by_name=True)

    schema_: Literal["livesight.node/1"] = Field(default=NODE_SCHEMA, alias="schema")
    node: NodeName
    address: Address
    leasing: bool
    streams: Count
    partitions: Count = 0
    heirs: dict[str, tuple[int, ...]] | None = None
    models: dict[ModelName, Annotated[int, Field(ge=1, lt=2**31)]] = Field(default_factory=dict, max_length=1000)
    words: dict[ModelName, dict[str, ToldWords]] = Field(default_factory=dict, max_length=1000)

    def to_json(self) -> bytes:
        """The record's value."""
        return self.model_dump_json(by_alias=True).encode()


class MonitorStatus(BaseModel):
    """The monitor that works. Those that stand by say nothing."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, populate_by_name=True)

    schema_: Literal["livesight.monitor/1"] = Field(default=MONITOR_SCHEMA, alias="schema")
    monitor: NodeName
    address: Address

    def to_json(self) -> bytes:
        """The record's value."""
        return self.model_dump_json(by_alias=True).encode()


class StreamStatus(BaseModel):
    """What a node says of a stream that it runs."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, populate_by_name=True)

    schema_: Literal["livesight.status/1"] = Field(default=STATUS_SCHEMA, alias="schema")
    stream_id: StreamId
    node: NodeName
    address: Address
    state: ShortText
    fps: float
    last_error: str | None
    session: SessionId | None
    stream: StreamView

    @classmethod
    def of(cls, view: StreamView, address: str) -> StreamStatus:
        """From what the node shows."""
        return cls(
            stream_id=view.id,
            node=view.node,
            address=address,
            state=view.state,
            fps=view.fps,
            last_error=view.last_error,
            session=view.session,
            stream=view,
        )

    def to_json(self) -> bytes:
        """The record's value."""
        return self.model_dump_json(by_alias=True).encode()


class StatusBoard:
    """What all nodes have published. A record counts as long as it is younger than `away_s`."""

    def __init__(self, away_s: float) -> None:
        self._away_s = away_s
        self._lock = threading.Condition()
        self._unreadable = UnreadableMessages()
        self._streams: dict[str, tuple[StreamStatus, float]] = {}
        self._nodes: dict[str, tuple[NodeStatus, float]] = {}
        self._monitors: dict[str, tuple[MonitorStatus, float]] = {}

    def apply(self, key: str, value: bytes | None, age_s: float = 0.0) -> None:
        """One record, `age_s` old. One that cannot be read, such as a later version's, is as good as none."""
        at_s = time.monotonic() - max(0.0, age_s)
        with self._lock:
            try:
                if key.startswith(NODE_PREFIX):
                    name = key.removeprefix(NODE_PREFIX)
                    if value is None:
                        self._nodes.pop(name, None)
                    else:
                        self._nodes[name] = (NodeStatus.model_validate_json(value), at_s)
                elif key.startswith(MONITOR_PREFIX):
                    name = key.removeprefix(MONITOR_PREFIX)
                    if value is None:
                        self._monitors.pop(name, None)
                    else:
                        self._monitors[name] = (MonitorStatus.model_validate_json(value), at_s)
                elif value is None:
                    self._streams.pop(key, None)
                else:
                    status = StreamStatus.model_validate_json(value)
                    if status.stream_id != key or status.stream.id != key:
                        return self._unreadable.note(STATUS, key, "key", f"the record is of stream {status.stream_id}")
                    self._streams[key] = (status, at_s)
            except ValidationError as error:
                self._unreadable.note(STATUS, key, error)
                return
            self._lock.notify_all()

    def wait(self, timeout_s: float) -> None:
        """Until a record comes, or the time is over."""
        with self._lock:
            self._lock.wait(timeout_s)

    def stream(self, stream_id: str) -> StreamStatus | None:
        """What its node says of a stream; None when nobody does, or no more."""
        with self._lock:
            return self._fresh(self._streams.get(stream_id))

    def last(self, stream_id: str) -> StreamStatus | None:
        """The newest record of a stream, however old."""
        with self._lock:
            record = self._streams.get(stream_id)
        return None if record is None else record[0]

    def streams(self) -> dict[str, StreamStatus]:
        """All streams that some living node runs."""
        with self._lock:
            found = [self._fresh(record) for record in self._streams.values()]
        return {status.stream_id: status for status in found if status is not None}

    def node(self, name: str) -> NodeStatus | None:
        """The newest record of a node."""
        with self._lock:
            record = self._nodes.get(name)
        return None if record is None else record[0]

    def nodes(self) -> list[NodeStatus]:
        """The nodes that live, by name."""
        with self._lock:
            now_s = time.monotonic()
            return [node for _, (node, at_s) in sorted(self._nodes.items()) if now_s - at_s < self._away_s]

    def monitors(self, within_s: float | None = None) -> list[MonitorStatus]:
        """The monitors that work, the newest first: there is one, and for a moment its predecessor.

        within_s: only those whose record is no older.
        """
        least_s = time.monotonic() - (self._away_s if within_s is None else within_s)
        with self._lock:
            newest = sorted(self._monitors.values(), key=lambda one: -one[1])
        return [monitor for monitor, at_s in newest if at_s > least_s]

    def _fresh(self, record: tuple[StreamStatus, float] | None) -> StreamStatus | None:
        return record[0] if record is not None and time.monotonic() - record[1] < self._away_s else None
