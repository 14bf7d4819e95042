"""The connections that httpx reads HTTP cameras over: to addresses that were checked, and with bounds on silence.

Blocking; the caller's thread.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from stream.network.dialing import camera_tls, dial
from stream.network.http_heads import take_head
from stream.network.networks import NetworkPolicy
from stream.network.refusals import tls_in_words

_AGENT = "Livesight"
_READ_BYTES = 64 * 1024
_MOST_CONNECTIONS = 32  # FFmpeg opens all variants of a playlist, with their sound, before it leaves out any
_POOL_S = 0.01  # only who waits could give one back


class HttpTimes:
    """How long the other side may be silent, and how long it may take in all: to open, then for each packet.

    A server that sends a byte now and then is not silent, but never sends a packet.
    """

    def __init__(self, open_s: float, silent_s: float) -> None:
        self._deadline_s = time.monotonic() + open_s
        self._silent_s = self._packet_s = silent_s
        self._opened = False

    def opened(self, packet_s: float) -> None:
        """From now on each packet may take as long as `packet_s`."""
        self._opened, self._packet_s = True, packet_s
        self.expect_packet()

    def expect_packet(self) -> None:
        """The next packet is asked for now."""
        self._deadline_s = time.monotonic() + self._packet_s

    def left_s(self) -> float:
        """Seconds that the next read or connection may take."""
        left_s = max(0.01, self._deadline_s - time.monotonic())
        return min(left_s, self._silent_s) if self._opened else left_s


class _Stream(httpcore.NetworkStream):
    """A socket, whose reads wait as long as `times` says. The head of each answer is read as one, mended."""

    def __init__(self, connection: Any, times: HttpTimes) -> None:
        self._socket, self._times = connection, times
        self._head: bytearray | None = None
        self._unread = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """See NetworkStream. What follows a request is the head of its answer, whole."""
        if self._head is not None:
            self._read_head(self._head)
        if self._unread:
            data, self._unread = self._unread[:max_bytes], self._unread[max_bytes:]
            return data
        return self._receive(max_bytes, self._times.left_s())

    def _read_head(self, arrived: bytearray) -> None:
        """Also what came with it. A head that drips in has no more time than one that is silent."""
        deadline_s = time.monotonic() + self._times.left_s()
        while (head := take_head(arrived)) is None:
            more = self._receive(_READ_BYTES, max(0.01, deadline_s - time.monotonic()))
            if not more:
                break
            arrived += more
        self._head, self._unread = None, (head or b"") + bytes(arrived)

    def _receive(self, max_bytes: int, wait_s: float) -> bytes:
        try:
            self._socket.settimeout(wait_s)
            return bytes(self._socket.recv(max_bytes))
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(error.strerror or type(error).__name__) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """See NetworkStream."""
        self._head = bytearray()
        try:
            self._socket.settimeout(self._times.left_s())
            self._socket.sendall(buffer)
        except OSError as error:
            raise httpcore.WriteError(error.strerror or type(error).__name__) from error

    def close(self) -> None:
        """See NetworkStream."""
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """See NetworkStream."""
        left_s = self._times.left_s()
        try:
            self._socket.settimeout(left_s)
            return _Stream(ssl_context.wrap_socket(self._socket, server_hostname=server_hostname), self._times)
        except OSError as error:
            self._socket.close()
            raise httpcore.ConnectError(tls_in_words(error, left_s)) from error

    def get_extra_info(self, info: str) -> Any:
        """See NetworkStream."""
        return self._socket if info == "socket" else None


class _CheckedBackend(httpcore.NetworkBackend):
    """Where httpx gets its connections from."""

    def __init__(self, policy: NetworkPolicy, times: HttpTimes) -> None:
        self._policy, self._times = policy, times

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """See NetworkBackend. Raises AddressRefused, SourceError: httpx hands on what it does not know."""
        return _Stream(dial(host, port, self._policy, self._times.left_s()), self._times)


def http_client(policy: NetworkPolicy, times: HttpTimes) -> httpx.Client:
    """A client that follows no redirects. Close it."""
    tls = camera_tls()
    backend = _CheckedBackend(policy, times)
    pool = httpcore.ConnectionPool(
        ssl_context=tls, max_connections=_MOST_CONNECTIONS, http1=True, network_backend=backend
    )
    transport = httpx.HTTPTransport(verify=tls)  # its own would load all authorities' certificates, 35 ms a camera
    transport._pool.close()
    transport._pool = pool
    return httpx.Client(  # nosec B113  # each read and write has the time that HttpTimes leaves
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(None, pool=_POOL_S),
        headers={"user-agent": _AGENT, "accept": "*/*", "accept-encoding": "identity"},
    )
