"""The last results of a stream as JSON lines: what lies beside a clip that is cut from its packets. Any thread."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from operator import attrgetter

from workers.bus.result import FrameResult

MOST_BYTES = 8 * 2**20
"""A crowd of 100 boxes, 25 times a second for 20 s."""

_LEADING_US = 2_000_000
"""Frames that are shown before the key frame that they come after; no coder reorders more."""


@dataclass(frozen=True, slots=True)
class ResultLines:
    """Results of one session, a JSON line each, in the order of their frames. `session`: None before the first."""

    session: str | None
    data: bytes


@dataclass(frozen=True, slots=True)
class _Kept:
    pts_us: int
    json: bytes


class KeptResults:
    """Results of the newest session, as far back as its packets go, within `most_bytes`."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._session: str | None = None
        self._kept: list[_Kept] = []
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, result: FrameResult, json: bytes, packets_from_us: int | None) -> None:
        """Keep the stream's next result, and let go of what there are no packets for any more.

        json: the result's wire form. packets_from_us: when the oldest packet is shown; None: there is none to cut from.
        """
        with self._lock:
            if result.session != self._session:
                self._session, self._kept, self._bytes = result.session, [], 0
            if packets_from_us is None:
                self._kept, self._bytes = [], 0
                return
            self._kept.append(_Kept(result.pts_us, json))
            self._bytes += len(json)
            gone, from_us = 0, packets_from_us - _LEADING_US
            while gone < len(self._kept) and (self._kept[gone].pts_us < from_us or self._bytes > self._most_bytes):
                self._bytes -= len(self._kept[gone].json)
                gone += 1
            del self._kept[:gone]

    def cut(self, from_us: int, to_us: int) -> ResultLines:
        """The results of the frames shown from `from_us` to `to_us`, both included."""
        with self._lock:
            first = bisect_left(self._kept, from_us, key=attrgetter("pts_us"))
            end = bisect_right(self._kept, to_us, key=attrgetter("pts_us"))
            chosen, session = self._kept[first:end], self._session
        # without the lock: megabytes take some ten milliseconds, and the inference thread would wait
        return ResultLines(session, b"".join(one.json + b"\n" for one in chosen))
