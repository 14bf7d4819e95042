"""The last encoded packets of a stream, for pass-through video and clips. Any thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True, slots=True)
class CodecConfig:
    """What a decoder needs to know. `name` is FFmpeg's ("h264", "vp8", …); `extradata` its global header."""

    name: str
    extradata: bytes
    size_wh: tuple[int, int]


@dataclass(frozen=True, slots=True)
class RingPacket:
    """One encoded frame, untouched. Times in microseconds since the session began.

    exact: whether `pts_us` is the time of the frame in this packet; not so where a stream with B-frames has no
    presentation times of its own.
    """

    session: str
    pts_us: int
    dts_us: int
    is_key: bool
    data: bytes
    captured_at_ns: int
    exact: bool = True


RingEvent = RingPacket | CodecConfig | None
"""What subscribers get, in order: a packet, another configuration, and None at the end."""


@dataclass(frozen=True, slots=True)
class RingSubscription:
    """The state of a ring when a subscription begins. `stop` ends the subscription, any thread."""

    codec: CodecConfig | None
    packets: list[RingPacket]
    stop: Callable[[], None]


class PacketRing:
    """Packets since the last key frame, and up to `max_s` more, within `max_bytes`; always begins at a key frame.

    The bound in bytes wins: a camera whose GOP alone is larger loses that GOP, and the ring is empty until its next
    key frame, instead of undecodable.
    """

    def __init__(self, max_bytes: int, max_s: float) -> None:
        self._max_bytes = max_bytes
        self._max_us = int(max_s * 1e6)
        self._packets: deque[RingPacket] = deque()
        self._group_sizes: deque[int] = deque()  # packets in each group of pictures (GOP), oldest first
        self._bytes = 0
        self._newest_bytes = 0
        self._codec: CodecConfig | None = None
        self._subscribers: list[Callable[[RingEvent], None]] = []
        self._closed = False
        self._lock = threading.Lock()

    @property
    def codec(self) -> CodecConfig | None:
        """The configuration of the packets now in the ring; None before the first connection."""
        return self._codec

    @property
    def size_bytes(self) -> int:
        """Bytes of packet data in the ring."""
        return self._bytes

    @property
    def from_us(self) -> int | None:
        """When the oldest key frame in the ring is shown; None while it is empty."""
        with self._lock:
            return self._packets[0].pts_us if self._packets else None

    @property
    def crowded(self) -> bool:
        """Whether the newest group alone takes half of `max_bytes`: time to request a key frame, where possible."""
        return self._newest_bytes * 2 > self._max_bytes

    def subscribe(self, listener: Callable[[RingEvent], None]) -> RingSubscription:
        """Pass everything from now on to `listener`; what is returned holds the packets since the newest key frame.

        `listener` is called in order, on the thread that fills the ring and under its lock: it must only hand over. It
        also gets packets that do not fit into the ring.
        """
        with self._lock:
            self._subscribers.append(listener)
            if self._closed:
                listener(None)
            return RingSubscription(self._codec, self._newest_group(), lambda: self._unsubscribe(listener))

    def close(self) -> None:
        """Take no more packets and notify the subscribers. Packets in the ring stay. Idempotent."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._notify(None)

    def configure(self, codec: CodecConfig, keep_from_us: int | None = None) -> None:
        """Begin a new session or configuration: packets that cannot be decoded with it are dropped.

        keep_from_us: the time of the first frame that came out in the new configuration; its group stays.
        """
        with self._lock:
            if self._closed:
                return
            self._codec = codec
            while self._packets and not self._first_group_shows(keep_from_us):
                self._pop_group()
            self._notify(codec)

    def append(self, packet: RingPacket) -> None:
        """Add the next packet in decode order and drop what exceeds the bounds. Does nothing once closed."""
        with self._lock:
            if self._closed:
                return
            self._notify(packet)
            if packet.is_key:
                self._group_sizes.append(0)
                self._newest_bytes = 0
            elif not self._group_sizes:
                return
            self._packets.append(packet)
            self._group_sizes[-1] += 1
            self._bytes += len(packet.data)
            self._newest_bytes += len(packet.data)
            while self._packets and self._bytes > self._max_bytes:
                self._pop_group()
            oldest_us = packet.dts_us - self._max_us
            while len(self._group_sizes) > 1 and self._packets[self._group_sizes[0]].dts_us <= oldest_us:
                self._pop_group()

    def from_key(self) -> list[RingPacket]:
        """The packets from the newest key frame on, in decode order; empty while there is none."""
        with self._lock:
            return self._newest_group()

    def cut(self, from_us: int, to_us: int) -> list[RingPacket]:
        """The packets that show from_us..to_us, in decode order, with all that they refer to.

        Begins at the last key frame shown at or before from_us (or the oldest there is), and ends with the last packet
        in decode order that is shown by to_us.
        """
        with self._lock:
            packets = list(self._packets)
        start = 0
        for index, packet in enumerate(packets):
            if packet.is_key and packet.pts_us <= from_us:
                start = index
        inside = [index for index, packet in enumerate(packets) if index >= start and packet.pts_us <= to_us]
        return packets[start : inside[-1] + 1] if inside else []

    def _newest_group(self) -> list[RingPacket]:
        if not self._group_sizes:
            return []
        return list(islice(self._packets, len(self._packets) - self._group_sizes[-1], None))

    def _notify(self, event: RingEvent) -> None:
        for listener in self._subscribers:
            listener(event)

    def _unsubscribe(self, listener: Callable[[RingEvent], None]) -> None:
        with self._lock:
            if listener in self._subscribers:
                self._subscribers.remove(listener)

    def _pop_group(self) -> None:
        for _ in range(self._group_sizes.popleft()):
            self._bytes -= len(self._packets.popleft().data)

    def _first_group_shows(self, time_us: int | None) -> bool:
        """Whether the oldest group is the one (or after the one) that a time falls into."""
        if time_us is None:
            return False
        if len(self._group_sizes) == 1:
            return self._packets[0].pts_us <= time_us
        return self._packets[self._group_sizes[0]].pts_us > time_us
