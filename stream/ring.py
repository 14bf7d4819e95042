"""The last encoded packets of a stream, for pass-through video and clips. Any thread."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CodecConfig:
    """What a decoder needs to know. `name` is FFmpeg's ("h264", "vp8", …); `extradata` its global header."""

    name: str
    extradata: bytes
    size_wh: tuple[int, int]


@dataclass(frozen=True, slots=True)
class RingPacket:
    """One encoded picture, untouched. Times in microseconds since the session began."""

    session: str
    pts_us: int
    dts_us: int
    is_key: bool
    data: bytes
    captured_at_ns: int


class PacketRing:
    """Everything since the last key frame, and up to `max_s` more, within `max_bytes`.

    The bound in bytes wins: a camera with an endless GOP loses its oldest packets, and `from_key` then waits for the
    next key frame instead of handing out garbage.
    """

    def __init__(self, max_bytes: int, max_s: float) -> None:
        self._max_bytes = max_bytes
        self._max_us = int(max_s * 1e6)
        self._packets: deque[RingPacket] = deque()
        self._bytes = 0
        self._keys = 0
        self._codec: CodecConfig | None = None
        self._lock = threading.Lock()

    @property
    def codec(self) -> CodecConfig | None:
        """The configuration of the packets now in the ring; None before the first connection."""
        return self._codec

    @property
    def size_bytes(self) -> int:
        """Bytes of packet data held."""
        return self._bytes

    def configure(self, codec: CodecConfig) -> None:
        """A new session or a new codec configuration: what was there cannot be decoded with it and goes."""
        with self._lock:
            self._packets.clear()
            self._bytes = self._keys = 0
            self._codec = codec

    def append(self, packet: RingPacket) -> None:
        """Add the next packet in decode order and let go what is beyond the bounds."""
        with self._lock:
            self._packets.append(packet)
            self._bytes += len(packet.data)
            self._keys += packet.is_key
            while len(self._packets) > 1 and self._bytes > self._max_bytes:
                self._pop()
            oldest_us = packet.dts_us - self._max_us
            while self._keys > 1 and self._packets[0].dts_us < oldest_us and self._next_key_is_old(oldest_us):
                self._pop_group()

    def from_key(self) -> list[RingPacket]:
        """The packets from the newest key frame on, in decode order; empty while there is none."""
        with self._lock:
            newest: list[RingPacket] = []
            for packet in reversed(self._packets):
                newest.append(packet)
                if packet.is_key:
                    return newest[::-1]
            return []

    def cut(self, from_us: int, to_us: int) -> list[RingPacket]:
        """The packets that show from_us..to_us, from the key frame at or before from_us on, in decode order."""
        with self._lock:
            packets = list(self._packets)
        start = None
        for index, packet in enumerate(packets):
            if packet.is_key and (start is None or packet.pts_us <= from_us):
                start = index
        if start is None:
            return []
        return [packet for packet in packets[start:] if packet.pts_us <= to_us]

    def _pop(self) -> None:
        packet = self._packets.popleft()
        self._bytes -= len(packet.data)
        self._keys -= packet.is_key

    def _pop_group(self) -> None:
        self._pop()
        while self._packets and not self._packets[0].is_key:
            self._pop()

    def _next_key_is_old(self, oldest_us: int) -> bool:
        """Whether the second group begins before the window too, so that the first is not needed for it."""
        keys = (packet for packet in self._packets if packet.is_key)
        first = next(keys)
        second = next(keys, first)
        return second.dts_us <= oldest_us or not self._packets[0].is_key
