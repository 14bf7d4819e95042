"""The specs on `livesight.streams`, read and encrypted anew by a command. Used by one thread; reading has its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection
from typing import Any

from workers.bus.message_bus import STREAMS
from workers.cluster.stream_spec import EPOCH_KEY, SPEC_SCHEMA, SpecError, read_spec
from workers.errors import BusError
from workers.kafka.control_writer import ControlWriter
from workers.kafka.settings import KafkaSettings
from workers.kafka.tail import Record, Tail, TailPlan
from workers.secrets.keys import SecretKeys

_MOST_S = 60.0


class StoredSpecs:
    """A RecordHandler that reads from `open` to `close`, so that it knows what changes meanwhile."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._values: dict[str, bytes] = {}
        self._read = threading.Event()
        self._tail = Tail(kafka, TailPlan("secrets", whole=(STREAMS,)), self)

    def open(self) -> None:
        """Read the whole topic. Raises BusError; then it is closed."""
        self._tail.start()
        began_s = time.monotonic()
        while not self._read.wait(0.2):
            waited_s = time.monotonic() - began_s
            problem = self._tail.problem
            if waited_s > _MOST_S or (problem is not None and waited_s > 3 * self._kafka.connect_timeout_s):
                self.close()
                raise BusError(f"livesight.streams cannot be read: {problem or 'the broker does not answer'}")

    def close(self) -> None:
        """End reading. Idempotent."""
        self._tail.close(2.0)

    def entries(self) -> list[dict[str, Any]]:
        """The streams of the records, as they are stored; unreadable records are left out."""
        found = []
        for value in list(self._values.values()):
            try:
                entry = json.loads(value)["stream"]
            except (ValueError, KeyError, TypeError):
                continue
            if isinstance(entry, dict):
                found.append(entry)
        return found

    def encrypt_anew(self, keys: SecretKeys) -> int:
        """Write what is plain text, or an older key's, under its own version; how many that were.

        What another process changes in the same moment stays as that one wrote it. Raises BusError; what was written
        until then is not written again the next time.
        """
        written = 0
        writer = ControlWriter(self._kafka)
        try:
            for key, value in list(self._values.items()):
                try:
                    spec = read_spec(key, value, keys)
                except SpecError:
                    continue
                if not spec.stale or spec.locked or self._values.get(key) is not value:
                    continue
                new = spec.to_json(keys)
                writer.write(STREAMS, key, new, SPEC_SCHEMA)
                self._values[key] = new
                written += 1
        finally:
            writer.close(2.0)
        return written

    def begin(self) -> None:
        """See RecordHandler."""
        self._values.clear()

    def take(self, record: Record) -> None:
        """See RecordHandler."""
        if record.key == EPOCH_KEY:
            return
        if record.value is None:
            self._values.pop(record.key, None)
        else:
            self._values[record.key] = record.value

    def caught_up(self, unavailable: Collection[str]) -> None:
        """See RecordHandler."""
        self._read.set()
