"""Brings the events of one packet ring from the thread that fills it to the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from stream.ring import PacketRing, RingEvent, RingPacket

_MAX_PACKETS = 4096
_MAX_BYTES = 64 * 2**20


class RingFollower:
    """Hands events over in order, and wakes the loop once for all that gather until it runs.

    Calls `on_events` on the loop, first with the configuration and the packets from the newest key frame on; never
    after `close`. When the loop stands still for too long, all waiting packets are dropped: `on_events` then gets an
    empty list in their place, and only what follows the next key frame can be decoded.
    """

    def __init__(self, ring: PacketRing, on_events: Callable[[list[RingEvent]], None]) -> None:
        """On the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._on_events = on_events
        self._lock = threading.Lock()
        self._waiting: list[RingEvent] = []
        self._bytes = 0
        self._lost = self._scheduled = self._closed = False
        subscription = ring.subscribe(self._arrived)
        self._stop = subscription.stop
        first: list[RingEvent] = [subscription.codec] if subscription.codec is not None else []
        on_events([*first, *subscription.packets])

    def close(self) -> None:
        """End the subscription. Idempotent."""
        self._closed = True
        self._stop()

    def _arrived(self, event: RingEvent) -> None:
        """On the filling thread, under the ring's lock."""
        with self._lock:
            self._waiting.append(event)
            self._bytes += len(event.data) if isinstance(event, RingPacket) else 0
            if len(self._waiting) > _MAX_PACKETS or self._bytes > _MAX_BYTES:
                others: list[RingEvent] = [event for event in self._waiting if not isinstance(event, RingPacket)]
                self._waiting = others[-2:]
                self._bytes, self._lost = 0, True
            if self._scheduled:
                return
            self._scheduled = True
        try:
            self._loop.call_soon_threadsafe(self._hand_over)
        except RuntimeError:  # the loop is closed
            self._closed = True

    def _hand_over(self) -> None:
        with self._lock:
            events, self._waiting = self._waiting, []
            lost, self._lost = self._lost, False
            self._bytes, self._scheduled = 0, False
        if self._closed:
            return
        if lost:
            self._on_events([])
        if events:
            self._on_events(events)
