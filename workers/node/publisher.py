"""What a node sends to the bus: results, stream events, snapshots, promotions. Any thread; never blocks."""

from __future__ import annotations

import time
from collections.abc import Callable

from stream.frame import Frame
from workers.bus.event import EVENT_SCHEMA, Event
from workers.bus.message_bus import DETECTIONS, EVENTS, MODELS, Bus, Message
from workers.bus.result import FRAME_SCHEMA, FrameResult
from workers.bus.stream_down import RELEASED
from workers.images.background_jobs import BackgroundJobs
from workers.images.best_shots import BestShots
from workers.node.stream_events import StreamEvents
from workers.registry.active_versions import MODEL_SCHEMA, ActiveVersion
from workers.registry.promotion import Promotion
from workers.settings import NodeSettings

Gate = Callable[[str], bool]
"""Whether what concerns a stream may be published now, by its id. Any thread; never blocks."""


def always(stream_id: str) -> bool:
    """The gate of a node that shares its streams with no other."""
    return True


class ResultPublisher:
    """Owned by the node. Where the gate is shut, nothing of the stream leaves but that it was released: another node
    has it.
    """

    def __init__(self, settings: NodeSettings, bus: Bus, jobs: BackgroundJobs, gate: Gate) -> None:
        self._node = settings.name
        self._bus = bus
        self._gate = gate
        self._snapshots = BestShots(settings.name, settings.workers.snapshots, jobs, self._send)
        self.events = StreamEvents(settings.name, self._send_event)

    def result(self, frame: Frame, result: FrameResult, json: bytes) -> None:
        """Publish a result, of which `json` is the wire form; those of one stream come from one thread at a time.

        `frame` as others may see it.
        """
        if self._gate(frame.stream_id):
            self.events.result(result)
            self._bus.publish(self._message(DETECTIONS, frame.stream_id, json, FRAME_SCHEMA))
            self._snapshots.offer(frame, result)

    def promotion(self, done: Promotion, at_ns: int) -> None:
        """Publish that a version was put in service here. `at_ns`: wall clock of the decision."""
        record = ActiveVersion(name=done.name, version=done.version, before=done.before, at_ns=at_ns, node=self._node)
        self._bus.publish(self._message(MODELS, done.name, record.to_json(), MODEL_SCHEMA))

    def stream_stopped(self, stream_id: str, reason: str) -> None:
        """Publish that a stream was stopped here; its last result is out."""
        self._snapshots.forget(stream_id)
        self.events.stopped(stream_id, reason)

    def close(self) -> None:
        """Send the snapshots that wait, and that all streams are down. Idempotent. The bus is flushed after this."""
        self._snapshots.close()
        self.events.close()

    def _send_event(self, event: Event) -> None:
        message = self._message(EVENTS, event.stream_id, event.to_json(), EVENT_SCHEMA)
        if event.kind == "stream_down" and event.reason == RELEASED:
            self._bus.publish(message)  # the gate is shut by then; whoever hears it waits for the next node
        else:
            self._send(message)

    def _send(self, message: Message) -> None:
        if self._gate(message.key):
            self._bus.publish(message)

    def _message(self, topic: str, key: str, value: bytes, schema: str) -> Message:
        headers = (
            ("schema", schema.encode()),
            ("content-type", b"application/json"),
            ("node", self._node.encode()),
        )
        return Message(topic, key, value, headers, time.monotonic())
