"""Stands between FFmpeg and an RTSP camera, so that FFmpeg connects to nothing that was not checked. Own thread.

FFmpeg resolves names itself, and follows redirects without asking. So it is given an address on loopback, where one
connection is accepted: the one whose requests name a secret as their User-Agent, which nobody else on this machine
knows and no camera sees. The camera is reached from here. Until the video plays, each message is read and written again
(rtsp_messages.py), and a redirect is not passed on but ends the relay, for the caller to check and open. After that
bytes are passed on as they are: FFmpeg then follows no redirect any more.
"""

from __future__ import annotations

import contextlib
import secrets
import select
import socket
import ssl
import threading
from dataclasses import replace

import av
import structlog

from stream.errors import SourceError
from stream.network.camera_address import CameraAddress
from stream.network.dialing import camera_tls, dial
from stream.network.networks import NetworkPolicy
from stream.network.own_client import accept_own
from stream.network.refusals import CLOSED, status_in_words, tls_in_words
from stream.network.rtsp_messages import BadMessage, RtspMessage, take_message

log = structlog.get_logger(__name__)

_CHUNK = 256 * 1024
_BUFFER = 128 * 1024  # a reader that is late must not find much more than before in buffers
_LAST_S = 0.5
_USER_AGENT = "Lavf{}.{}.{}".format(*av.library_versions["libavformat"]).encode()  # as FFmpeg calls itself


class RtspRelay:
    """One connection. FFmpeg opens `url`, as `user_agent`; `redirect` is where the camera sent us instead, if it did,
    and `failure` why it shows nothing, in words, where it said so.

    Connects in the constructor: raises AddressRefused, SourceError.
    """

    def __init__(self, address: CameraAddress, policy: NetworkPolicy, timeout_s: float) -> None:
        self.redirect: str | None = None
        self.failure: str | None = None
        self._signed = address.user is not None
        self._camera = _connected(address, policy, timeout_s)
        self._peer = str(self._camera.getpeername()[0])
        self._listener = _listening(self._camera.family)
        self._client: socket.socket | None = None
        place = self._listener.getsockname()
        here = CameraAddress("rtsp", str(place[0]), place[1], address.path)
        self.url = replace(here, user=address.user, password=address.password).url()
        self.user_agent = secrets.token_urlsafe(24)
        self._secret = self.user_agent.encode()
        self._playing = False
        self._unread = bytearray()
        self._thread = threading.Thread(target=self._run, name=f"relay-{here.port}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End both connections, once FFmpeg has closed its own. Idempotent; does not wait for the camera."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(_LAST_S)  # it passes on what FFmpeg said last: TEARDOWN
        for one in (self._camera, self._client):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        self._thread.join(2.0)

    def _run(self) -> None:
        """The thread."""
        try:
            with self._camera:
                with self._listener:
                    self._client, asked = accept_own(self._listener, self._secret)
                with self._client:
                    self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
                    try:
                        self._ask(asked)
                        self._pass_on(self._client)
                    finally:
                        self._pass_last(self._client)
        except (OSError, BadMessage) as error:
            if isinstance(error, BadMessage):
                self.failure = "does not speak RTSP"
            log.debug("relay_ended", reason=type(error).__name__)

    def _pass_on(self, client: socket.socket) -> None:
        """Until either side ends, or the camera redirects. Raises OSError, BadMessage."""
        waiting = select.poll()
        waiting.register(client, select.POLLIN)
        waiting.register(self._camera, select.POLLIN)
        while True:
            for descriptor, _ in waiting.poll():
                if descriptor == client.fileno():
                    asked = client.recv(_CHUNK)
                    self._ask(asked)
                    alive = bool(asked)
                else:
                    alive = self._answer(client)
                if not alive:
                    return

    def _ask(self, asked: bytes) -> None:
        """Pass on what FFmpeg says. Raises OSError."""
        self._playing = self._playing or asked.startswith(b"PLAY ")
        self._camera.sendall(asked.replace(self._secret, _USER_AGENT))

    def _pass_last(self, client: socket.socket) -> None:
        """What FFmpeg said before it closed its connection, where passing on to it failed. Raises OSError."""
        self._camera.settimeout(_LAST_S)
        with contextlib.suppress(BlockingIOError):
            while said := client.recv(_CHUNK, socket.MSG_DONTWAIT):
                self._ask(said)

    def _answer(self, client: socket.socket) -> bool:
        """Pass on what the camera has sent; False when that was the last."""
        while True:
            data = self._camera.recv(_CHUNK)
            if not (data or self._playing):
                self.failure = self.failure or CLOSED
            if self._playing:
                client.sendall(bytes(self._unread) + data if self._unread else data)
                self._unread.clear()
            else:
                self._unread += data
                if not self._pass_messages(client):
                    return False
            if not data:
                return False
            if not (isinstance(self._camera, ssl.SSLSocket) and self._camera.pending()):
                return True

    def _pass_messages(self, client: socket.socket) -> bool:
        """Pass on the messages that are whole; False for a redirect."""
        while (message := take_message(self._unread)) is not None:
            if isinstance(message, RtspMessage):
                if message.status is not None and 300 <= message.status < 400:
                    self.redirect = message.header("location") or ""
                    return False
                self._note(message.status)
                message = message.encoded(self._peer)
            client.sendall(message)
        return True

    def _note(self, status: int | None) -> None:
        """What the camera answers: after a refusal that FFmpeg takes for an end, that was why."""
        if status is not None:
            refused = status >= 400
            self.failure = status_in_words(status, signed=self._signed, rtsp=True) if refused else None


def _listening(family: int) -> socket.socket:
    """For a connection from here, of the camera's family where there is such a loopback: FFmpeg takes media over UDP
    by the family of its connection.
    """
    if family == socket.AF_INET6:
        with contextlib.suppress(OSError):
            return socket.create_server(("::1", 0), family=socket.AF_INET6, backlog=8)
    return socket.create_server(("127.0.0.1", 0), backlog=8)


def _connected(address: CameraAddress, policy: NetworkPolicy, timeout_s: float) -> socket.socket:
    """A blocking connection to the camera, encrypted where the address says so. Raises AddressRefused, SourceError."""
    camera = dial(address.host, address.port_used, policy, timeout_s)
    try:
        if address.tls:
            camera = camera_tls().wrap_socket(camera, server_hostname=address.host)
        camera.settimeout(None)
    except OSError as error:
        camera.close()
        raise SourceError(tls_in_words(error, timeout_s)) from None
    return camera
