"""Where events go when they are stored: the in-process bus at once, Kafka through the outbox. Any thread."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection

from monitoring.core.ports import Outgoing
from monitoring.ingest.inbox import SOURCE_HEADER
from monitoring.ingest.publisher import Publisher
from monitoring.store.writes import add_outgoing
from workers.bus.bus import LocalBus, Message


class EventSink:
    """`put` in the transaction, `release` after it."""

    def __init__(self, local: LocalBus, publisher: Publisher | None) -> None:
        self._local = local
        self._publisher = publisher

    def put(self, connection: Connection, messages: Sequence[Outgoing]) -> None:
        """With Kafka: store them until the broker has them."""
        if self._publisher is not None:
            add_outgoing(connection, messages)

    def release(self, messages: Sequence[Outgoing]) -> None:
        """They are committed: publish them in process, and have the publisher send them. Never blocks on a broker."""
        for one in messages:
            headers = (("schema", one.schema.encode()), ("content-type", b"application/json"), SOURCE_HEADER)
            self._local.publish(Message(one.topic, one.key, one.body.encode(), headers, time.monotonic()))
        if self._publisher is not None and messages:
            self._publisher.wake()
