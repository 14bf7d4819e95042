"""Signs records of `livesight.status`, and finds out whether one is signed and new. Pure, but for what it remembers.

The signature is a header of the record, so that its value stays as it was and processes without a secret read it too:
JSON with the version, who signed, when, and an HMAC-SHA256 over those, topic, key and value. A key's records of one
process must each be later than the last, and the first that is seen must be recent: so a recorded one that is sent
again changes nothing. One thread reads; any thread signs.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workers.access.cluster_keys import ClusterKeys
from workers.errors import WorkerError

HEADER: Final = "livesight-signature"
PURPOSE: Final = "record/1"
SKEW_S: Final = 30.0

_MOST_REMEMBERED = 100_000


class RecordRefused(WorkerError):
    """A record of the status does not count; the message says why. `kind`: one of few, for the log."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why[:300])
        self.kind = kind


class RecordStale(RecordRefused):
    """A record that came before, or is older than one that did: Kafka may deliver twice, so this is no fault."""


class _Signature(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, frozen=True)

    v: Literal[1] = 1
    process: str = Field(min_length=1, max_length=200)
    at_ms: int = Field(ge=0)
    mac: str = Field(min_length=64, max_length=64)


class RecordSigner:
    """Signs in the name of this process. Any thread."""

    def __init__(self, keys: ClusterKeys, own: str, clock: Callable[[], float] = time.time) -> None:
        self._key = keys.signing(PURPOSE)
        self._own = own
        self._clock = clock
        self._lock = threading.Lock()
        self._last_ms = 0

    def header(self, topic: str, key: str, value: bytes | None) -> tuple[str, bytes]:
        """Name and value of the header."""
        with self._lock:
            at_ms = self._last_ms = max(self._last_ms + 1, int(self._clock() * 1000))
        mac = _mac(self._key, (topic, key, self._own, at_ms), value)
        return HEADER, _Signature(process=self._own, at_ms=at_ms, mac=mac).model_dump_json().encode()


class SignatureCheck:
    """Tells records that a process of the cluster has just signed from all others. One thread."""

    def __init__(self, keys: ClusterKeys, window_s: float, clock: Callable[[], float] = time.time) -> None:
        """window_s: how old a record may be, beside the SKEW_S that clocks may differ by."""
        self._keys = keys.accepted(PURPOSE)
        self._window_ms = int((window_s + SKEW_S) * 1000)
        self._clock = clock
        self._last_ms: dict[tuple[str, str], int] = {}  # (key, process) → when its newest record was signed

    def check(self, topic: str, key: str, value: bytes | None, headers: tuple[tuple[str, bytes], ...]) -> str:
        """The process that signed. Raises RecordRefused, and its RecordStale."""
        found = [text for name, text in headers if name == HEADER]
        if len(found) != 1:
            raise RecordRefused("unsigned", "not signed; its process has no cluster.secret, or somebody forged it")
        try:
            signature = _Signature.model_validate_json(found[0])
        except ValidationError:
            raise RecordRefused("unreadable", "its signature cannot be read") from None
        about = (topic, key, signature.process, signature.at_ms)
        if not any(hmac.compare_digest(_mac(one, about, value), signature.mac) for one in self._keys):
            why = "its signature is wrong; its process has another cluster.secret, or somebody forged it"
            raise RecordRefused("wrong signature", why)
        self._check_time(key, signature)
        return signature.process

    def _check_time(self, key: str, signature: _Signature) -> None:
        now_ms = int(self._clock() * 1000)
        if abs(now_ms - signature.at_ms) > self._window_ms:
            away_s = (now_ms - signature.at_ms) / 1000
            why = f"{signature.process} signed it {away_s:.0f} s ago; it is late, or the clocks differ"
            raise RecordRefused("out of time", why)
        place = (key, signature.process)
        if signature.at_ms <= self._last_ms.get(place, 0):
            raise RecordStale("stale", f"{signature.process} signed a later one")
        self._last_ms.pop(place, None)
        self._last_ms[place] = signature.at_ms
        if len(self._last_ms) > _MOST_REMEMBERED:
            del self._last_ms[next(iter(self._last_ms))]


def _mac(secret: bytes, about: tuple[str, str, str, int], value: bytes | None) -> str:
    content = [*about, None if value is None else hashlib.sha256(value).hexdigest()]
    return hmac.new(secret, json.dumps(content).encode(), hashlib.sha256).hexdigest()
