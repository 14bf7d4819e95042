"""Tells our own connection to a port on loopback from others of this machine. Blocking; the caller's thread."""

from __future__ import annotations

import select
import socket

_MOST_WAITING = 8
_MOST_HEAD = 8 * 1024


def accept_own(listener: socket.socket, secret: bytes) -> tuple[socket.socket, bytes]:
    """The first connection whose first request (up to an empty line) has the secret, and what it said so far.

    Others are closed; those that say nothing hold nobody up. Raises OSError once the listener is shut down.
    """
    waiting: dict[int, tuple[socket.socket, bytearray]] = {}
    polled = select.poll()
    polled.register(listener, select.POLLIN)
    try:
        while True:
            for descriptor, _ in polled.poll():
                if descriptor == listener.fileno():
                    client, _ = listener.accept()
                    waiting[client.fileno()] = client, bytearray()
                    polled.register(client, select.POLLIN)
                elif descriptor in waiting and _has_asked(*waiting[descriptor]):
                    client, said = waiting.pop(descriptor)
                    polled.unregister(descriptor)
                    if secret in said:
                        return client, bytes(said)
                    client.close()
            while len(waiting) > _MOST_WAITING:
                oldest = next(iter(waiting))
                polled.unregister(oldest)
                waiting.pop(oldest)[0].close()
    finally:
        for client, _ in waiting.values():
            client.close()


def _has_asked(client: socket.socket, said: bytearray) -> bool:
    """Whether a client's first request is whole, or will never be."""
    try:
        more = client.recv(_MOST_HEAD)
    except OSError:
        return True
    said += more
    return not more or b"\r\n\r\n" in said or len(said) > _MOST_HEAD
