"""Clients that read nothing are cut off. Runs on the event loop.

ASGI cannot see a transport whose peer stopped reading, so the timeout for viewers that read nothing is here, in
uvicorn's protocols: a WebSocket gets close 1013 with the reason, an MJPEG response ends, and a connection that still
takes no bytes a moment later is aborted.
"""

from __future__ import annotations

import asyncio

import structlog
from prometheus_client import Counter

log = structlog.get_logger(__name__)

CUT_OFF = Counter("livesight_viewers_cut_off", "Connections closed because the peer read nothing for too long.")


class CutsOffSlowReaders(asyncio.Protocol):
    """Mixed into a protocol, before it: calls `cut_off` when the transport takes nothing for `read_timeout_s`."""

    read_timeout_s: float
    loop: asyncio.AbstractEventLoop
    _stuck: asyncio.TimerHandle | None = None

    def cut_off(self) -> None:
        """End the connection, whose peer reads nothing."""
        raise NotImplementedError

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self._stuck or self.loop.call_later(self.read_timeout_s, self._too_late)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._forget_stuck()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_stuck()
        super().connection_lost(exc)

    def _too_late(self) -> None:
        self._stuck = None
        CUT_OFF.inc()
        self.cut_off()

    def _forget_stuck(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
