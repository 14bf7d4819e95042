"""The socket to listen on, and the names and addresses by which it is reached. Any thread."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from api.http.errors import ApiError
from workers.kafka.background_call import ABANDONED


class AddressError(ApiError):
    """The address to listen on is in use, or does not belong to this machine."""


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises AddressError."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, proto)
    except OSError as error:
        raise AddressError(f"cannot listen on {host}: {error.strerror or error}") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(128)  # binding alone does not keep other processes from the port
    except OSError as error:
        sock.close()
        raise AddressError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    return sock


def advertised_address(sock: socket.socket) -> str:
    """`http://host:port` where other processes reach a listening socket.

    The host is this machine's name where the socket listens on every address.
    """
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # nosec B104  # compared, not bound to
        host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def own_names() -> list[str]:
    """This machine's host name, as it is and in multicast DNS."""
    name = socket.gethostname()
    return [name, f"{name}.local"]


def ask_full_name(known: Callable[[str], None]) -> None:
    """Ask DNS for this machine's full name; `known` is called with it, in a thread of its own, perhaps never."""

    def ask() -> None:
        known(socket.getfqdn())

    threading.Thread(target=ask, name=f"{ABANDONED}full-name", daemon=True).start()
