"""What clients do wrong is counted, not logged: it is theirs, and they could fill the disk with it. Any thread."""

from __future__ import annotations

import logging

from prometheus_client import Counter
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected

PEER_FAULTS = Counter(
    "livesight_client_faults",
    "Requests that were no HTTP, broke the protocol, or were given up by the client.",
    ["kind"],
)

LEFT = (ClientDisconnect, ClientDisconnected, WebSocketDisconnect)
"""What is raised where a client is gone."""

_KINDS = {
    "Invalid HTTP request received.": "not-http",
    "Unsupported upgrade request.": "unknown-upgrade",
    "Invalid UTF-8 sequence received from client.": "not-utf8",
}
"""uvicorn's messages."""


class _PeerFaults(logging.Filter):
    """Keeps out of the log what uvicorn says of clients."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        kind = "left" if error is not None and _is_leaving(error) else _KINDS.get(str(record.msg))
        if kind is not None:
            PEER_FAULTS.labels(kind).inc()
        return kind is None


def count_peer_faults() -> None:
    """Count them from now on. Idempotent."""
    server = logging.getLogger("uvicorn.error")
    if not any(isinstance(known, _PeerFaults) for known in server.filters):
        server.addFilter(_PeerFaults())


def _is_leaving(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_leaving(one) for one in error.exceptions)
    return isinstance(error, LEFT)
