"""Lets only those records of `livesight.status` onto the board that a process of the cluster wrote. One thread.

Requests are sent to the addresses in them, with the word of this process for who makes them: a forged one must not
count. What is refused is counted, logged once, and told in readiness while it goes on.
"""

from __future__ import annotations

import json
import threading
import time

import structlog

from workers.cluster.address_policy import AddressPolicy
from workers.cluster.record_signature import RecordRefused, RecordStale, SignatureCheck
from workers.cluster.trust import ClusterTrust
from workers.kafka.tail import Record
from workers.logs import StateLog
from workers.metrics import STATUS_REFUSED

log = structlog.get_logger(__name__)

_TOLD_S = 60.0
_MOST_TOLD = 5
_MOST_KEYS = 1000


class StatusGuard:
    """`window_s`: how old a record may be. `problems` is for any thread."""

    def __init__(self, trust: ClusterTrust, addresses: AddressPolicy, window_s: float) -> None:
        self._signatures = None if trust.keys is None else SignatureCheck(trust.keys, window_s)
        self._unsigned = trust.unsigned
        self._addresses = addresses
        self._log = StateLog(log, "status_refused")
        self._lock = threading.Lock()
        self._refused: dict[str, tuple[str, float]] = {}  # record's key → why, and when

    def admit(self, record: Record) -> tuple[str, bytes | None] | None:
        """Key and value for the board, its address held; None for a record that does not count."""
        try:
            if self._signatures is not None:
                self._signatures.check(record.topic, record.key, record.value, record.headers)
            elif not self._unsigned:
                raise RecordRefused("unsigned", "this process has no cluster.secret to check it with")
            return record.key, None if record.value is None else self._held(record.value)
        except RecordStale:
            return None
        except RecordRefused as refused:
            self._note(record.key[:200], refused)
            return None

    def problems(self) -> list[str]:
        """What was refused in the last minute, in words."""
        now_s = time.monotonic()
        with self._lock:
            self._refused = {key: one for key, one in self._refused.items() if now_s - one[1] < _TOLD_S}
            refused = dict(self._refused)
        by_reason: dict[str, list[str]] = {}
        for key, (why, _) in refused.items():
            by_reason.setdefault(why, []).append(key)
        return [
            f"livesight.status: the record of {keys[0]}{_others(len(keys) - 1)} is ignored: {why}"
            for why, keys in list(by_reason.items())[:_MOST_TOLD]
        ]

    def _held(self, value: bytes) -> bytes:
        """The value with the address that may be connected to. What is no object the board does not read anyway."""
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return value
        if not isinstance(found, dict):
            return value
        found["address"] = self._addresses.hold(str(found.get("address", "")))
        return json.dumps(found).encode()

    def _note(self, key: str, refused: RecordRefused) -> None:
        STATUS_REFUSED.inc()
        with self._lock:
            if len(self._refused) < _MOST_KEYS or key in self._refused:
                self._refused[key] = (str(refused), time.monotonic())
            self._log.note(refused.kind, refused.kind, record=key, why=str(refused))


def _others(count: int) -> str:
    return f", as of {count} other{'s' if count > 1 else ''}," if count else ""
