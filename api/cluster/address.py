"""Where other processes reach this one. Pure."""

from __future__ import annotations

import socket

_ANY = frozenset({"0.0.0.0", "::"})


def reached_at(sock: socket.socket) -> str:
    """`http://host:port` of a listening socket; by this machine's name where it listens on every address."""
    host, port = sock.getsockname()[:2]
    if host in _ANY:
        host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
