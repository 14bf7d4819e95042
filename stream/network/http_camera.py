"""HTTP for FFmpeg: it reads what was opened here, from addresses that were checked. Blocking; the caller's thread.

FFmpeg would resolve names, follow redirects, and open what a playlist names, without asking. Instead it gets a file
object for each URL (PyAV's `io_open`). Each connection that httpx makes for it goes through the policy: those of
redirects, and of a playlist's segments and keys.
"""

from __future__ import annotations

import contextlib
import errno
import ssl
import time
from collections.abc import Iterable, Mapping
from typing import Any

import httpcore
import httpx

from stream.errors import CameraAddressError, SourceError
from stream.network.camera_address import CameraAddress, parse_address
from stream.network.dialing import camera_tls, dial
from stream.network.http_heads import take_head
from stream.network.networks import NetworkPolicy

_KEPT_BYTES = 8 * 2**20
_MOST_REDIRECTS = 8
_PLAYLISTS = frozenset({"application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl"})
_AGENT = "Livesight"
_READ_BYTES = 64 * 1024


class HttpTimes:
    """How long the other side may be silent: until `opened` is called no longer than the whole opening may take."""

    def __init__(self, open_s: float, silent_s: float) -> None:
        self._deadline_s: float | None = time.monotonic() + open_s
        self._silent_s = silent_s

    def opened(self) -> None:
        """From now on only silence counts."""
        self._deadline_s = None

    def left_s(self) -> float:
        """Seconds that the next read or connection may take."""
        return self._silent_s if self._deadline_s is None else max(0.01, self._deadline_s - time.monotonic())


class HttpCamera:
    """Opens one address, and what belongs to it. `opener` is PyAV's `io_open`. One thread.

    url: what the address led to, by redirects; format: FFmpeg's name of it, where the server says so and FFmpeg would
    not see it. The constructor raises AddressRefused, SourceError.
    """

    def __init__(self, address: CameraAddress, policy: NetworkPolicy, times: HttpTimes) -> None:
        self.times = times
        self._client = _client(policy, times)
        self._address = address
        self._first: HttpBody | None = None
        try:
            self._first = self._open(address.plain)
        except BaseException:
            self._client.close()
            raise
        self.url = self._first.url
        self.format = "hls" if self._first.content_type in _PLAYLISTS else None

    def opener(self, url: str, flags: int, options: Mapping[str, str]) -> Any:
        """A file-like object for a URL that FFmpeg names. Raises OSError: FFmpeg goes on without it."""
        if self._first is not None and url == self.url:
            first, self._first = self._first, None
            return first
        scheme, plus, inner = url.partition("+")
        try:
            if scheme == "crypto" and plus:
                return DecryptedBody(self._open(parse_address(inner).url()), options["key"], options["iv"])
            return self._open(parse_address(url).url())
        except (SourceError, KeyError) as error:
            raise OSError(str(error)) from error

    def close(self) -> None:
        """Close all connections. Idempotent."""
        self._client.close()

    def _open(self, url: str) -> HttpBody:
        own = parse_address(url)
        secrets = own if own.user is not None else self._address
        return HttpBody(self._client, own.plain, secrets if secrets.user is not None else None)


class HttpBody:
    """The body of an answer, as a file. Seekable where the server serves parts of it, or where it is small: then what
    was read is kept.
    """

    def __init__(self, client: httpx.Client, url: str, secrets: CameraAddress | None) -> None:
        self._client, self._secrets = client, secrets
        self.url = url
        self._position = 0
        self._response = self._request(0)
        self.url = str(self._response.url)
        headers = self._response.headers
        self.content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        length = headers.get("content-length", "")
        self._length = int(length) if length.isdecimal() else None
        self._ranges = headers.get("accept-ranges", "").lower() == "bytes" and self._length is not None
        small = not self._ranges and self._length is not None and self._length <= _KEPT_BYTES
        self._kept: bytearray | None = bytearray() if small else None
        self._left = b""
        self._chunks = self._response.iter_raw()

    def seekable(self) -> bool:
        """Whether `seek` works."""
        return self._ranges or self._kept is not None

    def tell(self) -> int:
        """The position, in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of files; asks the server for the rest from there."""
        base = {0: 0, 1: self._position, 2: self._length or 0}[whence & 3]
        target = base + offset
        if self._kept is not None:
            self._position = target
        elif target != self._position:
            self._response.close()
            self._response = self._request(target)
            self._position, self._left, self._chunks = target, b"", self._response.iter_raw()
        return self._position

    def read(self, size: int) -> bytes:
        """At most `size` bytes: what has arrived, or what arrives next; empty at the end. Raises OSError."""
        if self._kept is not None:
            while len(self._kept) <= self._position and (more := self._next()):
                self._kept += more
            data = bytes(self._kept[self._position : self._position + size])
        else:
            self._left = self._left or self._next()
            data, self._left = self._left[:size], self._left[size:]
        self._position += len(data)
        return data

    def close(self) -> None:
        """Close the connection. Idempotent."""
        self._response.close()

    def _next(self) -> bytes:
        """What arrives next; empty at the end. Raises OSError."""
        try:
            return next(self._chunks, b"")
        except httpx.TimeoutException:
            raise TimeoutError(errno.ETIMEDOUT, "no data arrived") from None
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise OSError(errno.EIO, _reason(error)) from None

    def _request(self, start: int) -> httpx.Response:
        """Raises AddressRefused, SourceError."""
        headers = {"range": f"bytes={start}-"} if start else {}
        try:
            response = _follow(
                self._client, self._client.build_request("GET", self.url, headers=headers), self._secrets
            )
        except httpx.TimeoutException:
            raise SourceError("no answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise SourceError(_reason(error)) from None
        if not response.is_success:
            response.close()
            raise SourceError(f"answered {response.status_code} {response.reason_phrase}".rstrip())
        if start and response.status_code != 206:
            response.close()
            raise SourceError("serves no parts of files")
        return response


def _follow(client: httpx.Client, request: httpx.Request, secrets: CameraAddress | None) -> httpx.Response:
    """The answer after redirects and signing in. Bodies in between are not read, whatever their size.

    A password is sent only where it is asked for, and only to the server that it was given for.
    """
    signed = False
    for _ in range(_MOST_REDIRECTS):
        try:
            here = parse_address(str(request.url))
        except CameraAddressError as error:
            raise SourceError(f"a redirect is not usable: {error}") from None
        response = client.send(request, stream=True)
        following = response.next_request
        if following is None and response.status_code == 401 and secrets and not signed:
            if here.origin == secrets.origin:
                signed, following = True, _signed(request, response, secrets)
        if following is None:
            return response
        response.close()
        request = following
    raise SourceError("too many redirects")


def _signed(request: httpx.Request, refused: httpx.Response, secrets: CameraAddress) -> httpx.Request | None:
    """The request again, with Digest or Basic, as the server asks; None where it asks for something else."""
    user, password = secrets.user or "", secrets.password or ""
    offered = [one.partition(" ")[0].lower() for one in refused.headers.get_list("www-authenticate")]
    if "digest" in offered:
        flow = httpx.DigestAuth(user, password).auth_flow(request)
        next(flow)  # the request as it was sent already
        with contextlib.suppress(httpx.ProtocolError, KeyError, ValueError, NotImplementedError):
            return flow.send(refused)  # else a challenge that httpx does not know, or that is none
    return next(httpx.BasicAuth(user, password).auth_flow(request)) if "basic" in offered else None


class DecryptedBody:
    """A body that is encrypted with AES-128 in CBC mode, as segments of HLS are (RFC 8216, 4.3.2.4)."""

    def __init__(self, body: HttpBody, key: str, iv: str) -> None:
        """key, iv: hexadecimal, as FFmpeg gives them."""
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
        from cryptography.hazmat.primitives.padding import PKCS7

        self._body = body
        self._decryptor = Cipher(algorithms.AES(bytes.fromhex(key)), modes.CBC(bytes.fromhex(iv))).decryptor()
        self._unpadder = PKCS7(128).unpadder()
        self._plain = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end. Raises OSError."""
        while not self._plain and not self._ended:
            data = self._body.read(size)
            try:
                if data:
                    self._plain = self._unpadder.update(self._decryptor.update(data))
                else:
                    self._ended = True
                    self._plain = self._unpadder.update(self._decryptor.finalize()) + self._unpadder.finalize()
            except ValueError as error:
                raise OSError(errno.EIO, "not decryptable") from error
        found, self._plain = self._plain[:size], self._plain[size:]
        return found

    def close(self) -> None:
        """Close the connection."""
        self._body.close()


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
        try:
            self._socket.settimeout(self._times.left_s())
            return _Stream(ssl_context.wrap_socket(self._socket, server_hostname=server_hostname), self._times)
        except OSError as error:
            self._socket.close()
            raise httpcore.ConnectError(f"no TLS connection: {error.strerror or type(error).__name__}") from error

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


def _client(policy: NetworkPolicy, times: HttpTimes) -> httpx.Client:
    tls = camera_tls()
    pool = httpcore.ConnectionPool(
        ssl_context=tls, max_connections=8, http1=True, network_backend=_CheckedBackend(policy, times)
    )
    transport = httpx.HTTPTransport(verify=tls)  # its own would load all authorities' certificates, 35 ms a camera
    transport._pool.close()
    transport._pool = pool
    return httpx.Client(  # nosec B113  # each read and write has the time that HttpTimes leaves
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        timeout=None,
        headers={"user-agent": _AGENT, "accept": "*/*", "accept-encoding": "identity"},
    )


def _reason(error: Exception) -> str:
    """In words, without any URL."""
    if isinstance(error, httpx.RemoteProtocolError):
        return "closed the connection, or does not speak HTTP"
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return "redirects to something that is not HTTP"
    return str(error) or type(error).__name__
