"""TLS and SASL (PLAIN, SCRAM) before a broker that has neither. Runs in its own thread.

Speaks SaslHandshake and SaslAuthenticate as Apache Kafka does, then hands everything through. The broker must advertise
the gate's address. Written from KIP-43, KIP-84, KIP-152, KIP-482 and RFC 5802.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

from tests.peers.ports import free_port

API_VERSIONS, HANDSHAKE, AUTHENTICATE = 18, 17, 36
FAILED, UNSUPPORTED = 58, 33
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class Refused(Exception):
    """The credentials are wrong."""


class Login:
    """One login of the server's side: `step` answers the client's messages, until `done`."""

    def __init__(self, mechanism: str, user: str, password: str) -> None:
        self.done = False
        self._mechanism, self._user, self._password = mechanism, user, password
        self._hash = "sha512" if mechanism.endswith("512") else "sha256"
        self._said = ""
        self._salt = os.urandom(16)

    def step(self, data: bytes) -> bytes:
        """Raises Refused."""
        if self._mechanism == "PLAIN":
            if data.split(b"\0")[1:] != [self._user.encode(), self._password.encode()]:
                raise Refused
            self.done = True
            return b""
        return self._last(data.decode()) if self._said else self._first(data.decode())

    def _first(self, text: str) -> bytes:
        bare = text.split(",", 2)[2]
        parts = dict(part.split("=", 1) for part in bare.split(","))
        if parts["n"] != self._user:
            raise Refused
        nonce = parts["r"] + base64.b64encode(os.urandom(12)).decode()
        first = f"r={nonce},s={base64.b64encode(self._salt).decode()},i=4096"
        self._said = f"{bare},{first}"
        return first.encode()

    def _last(self, text: str) -> bytes:
        without, _, proof = text.rpartition(",p=")
        salted = hashlib.pbkdf2_hmac(self._hash, self._password.encode(), self._salt, 4096)
        key = hmac.digest(salted, b"Client Key", self._hash)
        message = f"{self._said},{without}".encode()
        signature = hmac.digest(hashlib.new(self._hash, key).digest(), message, self._hash)
        if bytes(a ^ b for a, b in zip(key, signature, strict=True)) != base64.b64decode(proof):
            raise Refused
        self.done = True
        server = hmac.digest(hmac.digest(salted, b"Server Key", self._hash), message, self._hash)
        return b"v=" + base64.b64encode(server)


@dataclass
class SaslGate:
    """A context manager. `tls`: the server's side of TLS, or None; without a user everybody passes."""

    upstream: int
    user: str | None = None
    password: str = ""
    tls: ssl.SSLContext | None = None
    port: int = field(default_factory=free_port)

    def __enter__(self) -> SaslGate:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._sockets: list[socket.socket] = [self._listener]
        self._threads = [threading.Thread(target=self._accept, name="sasl-gate", daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        deadline_s = time.monotonic() + 10
        while alive := [thread for thread in self._threads if thread.is_alive()]:
            for one in list(self._sockets):  # again: a connection that was just taken opens another
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            alive[0].join(0.1)
            assert time.monotonic() < deadline_s, f"threads left: {[thread.name for thread in alive]}"
        for one in self._sockets:
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                self._sockets.append(client)
                thread = threading.Thread(target=self._serve, args=(client,), name="sasl-gate-client", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, EOFError, ssl.SSLError):
            if self.tls is not None:
                client = self.tls.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
                self._sockets.append(client)
                client.do_handshake()
            broker = socket.create_connection(("127.0.0.1", self.upstream))
            self._sockets.append(broker)
            if self.user is not None:
                self._authenticate(client, broker)
            back = threading.Thread(target=_pump, args=(broker, client), name="sasl-gate-back", daemon=True)
            self._threads.append(back)
            back.start()
            _pump(client, broker)
        client.close()

    def _authenticate(self, client: socket.socket, broker: socket.socket) -> None:
        """Until the client is known. Raises EOFError when it will not be."""
        login: Login | None = None
        while login is None or not login.done:
            frame = _frame(client)
            key, version, number, length = struct.unpack_from(">hhih", frame)
            body = frame[10 + max(0, length) :]
            if key == API_VERSIONS:
                broker.sendall(struct.pack(">i", len(frame)) + frame)
                answer = _frame(broker)
            elif key == HANDSHAKE:
                name = body[2:].decode()
                wrong = UNSUPPORTED if name not in MECHANISMS else 0
                login = None if wrong else Login(name, self.user or "", self.password)
                listed = b"".join(struct.pack(">h", len(m)) + m.encode() for m in MECHANISMS)
                answer = struct.pack(">ihi", number, wrong, len(MECHANISMS)) + listed
            elif key == AUTHENTICATE and login is not None:
                answer = _authenticated(login, version, number, body)
            else:
                raise EOFError
            client.sendall(struct.pack(">i", len(answer)) + answer)


def _authenticated(login: Login, version: int, number: int, body: bytes) -> bytes:
    """The answer to one SaslAuthenticate; version 2 is the flexible one."""
    flexible = version >= 2
    data = body[2:-1] if flexible else body[4:]  # tags, one-byte length, bytes, tags; or four-byte length, bytes
    if flexible and len(data) > 126:
        data = body[3:-1]
    wrong, text, said = 0, b"", b""
    try:
        said = login.step(data)
    except Refused:
        wrong, text = FAILED, b"Authentication failed: Invalid username or password"
    if flexible:
        compact = bytes([len(text) + 1]) + text + _varint(len(said) + 1) + said
        return struct.pack(">ibh", number, 0, wrong) + compact + struct.pack(">qb", 0, 0)
    plain = struct.pack(">h", len(text)) + text + struct.pack(">i", len(said)) + said
    return struct.pack(">ih", number, wrong) + plain + (struct.pack(">q", 0) if version >= 1 else b"")


def _varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128, value >> 7])


def _frame(peer: socket.socket) -> bytes:
    return _exactly(peer, struct.unpack(">i", _exactly(peer, 4))[0])


def _exactly(peer: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = peer.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for one in (source, sink):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
