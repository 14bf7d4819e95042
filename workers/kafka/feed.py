"""Results of other nodes, from Kafka onto the in-process bus, from now on. Runs in its own thread (a Tail's)."""

from __future__ import annotations

import time
from collections.abc import Collection

import structlog
from pydantic import ValidationError

from workers.bus.identifiers import UnreadableMessages
from workers.bus.message_bus import DETECTIONS, LocalBus, Message
from workers.bus.result import FrameResult
from workers.kafka.settings import KafkaSettings
from workers.kafka.tail import Record, Tail, TailPlan

log = structlog.get_logger(__name__)

NODE_HEADER = "node"


class KafkaFeed:
    """Viewers here see the streams of every node. What this process itself published is not published twice."""

    def __init__(self, settings: KafkaSettings, local: LocalBus, own: str | None) -> None:
        """own: the name of the node in this process, whose results are on `local` already."""
        self._local = local
        self._own = None if own is None else own.encode()
        self._unreadable = UnreadableMessages(log)
        self._tail = Tail(settings, TailPlan("feed", from_now=(DETECTIONS,)), self)

    def start(self) -> None:
        """The broker need not be there."""
        self._tail.start()

    @property
    def problem(self) -> str | None:
        """Why results of other nodes do not arrive, in words."""
        return self._tail.problem

    def close(self, timeout_s: float) -> None:
        """Idempotent."""
        self._tail.close(timeout_s)

    def begin(self) -> None:
        """Nothing to forget."""

    def take(self, record: Record) -> None:
        """One result, if it is one. The subscribers only hand over."""
        if record.value is None or (NODE_HEADER, self._own) in record.headers:
            return
        try:
            stream_id = FrameResult.model_validate_json(record.value).stream_id
        except ValidationError as error:
            self._unreadable.note(record.topic, record.key, error)
            return
        if stream_id != record.key:
            self._unreadable.note(record.topic, record.key, "key", f"the result is of stream {stream_id}")
        else:
            self._local.publish(Message(DETECTIONS, record.key, record.value, record.headers, time.monotonic()))

    def caught_up(self, unavailable: Collection[str]) -> None:
        """Not called: a feed begins now."""
