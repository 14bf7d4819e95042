"""HTTP for FFmpeg: it reads what was opened here, from addresses that were checked. Blocking; the caller's thread.

FFmpeg would resolve names, follow redirects, and open what a playlist names, without asking; by an address alone it may
choose a format that opens files itself, whatever it was given (`image2`, for a %d in it). Instead it gets a file object
without a name, and one for each URL that a playlist names (PyAV's `io_open`). Each connection that httpx makes for it
goes through the policy: those of redirects, and of a playlist's segments and keys.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

from stream.errors import SourceError
from stream.network.camera_address import CameraAddress, parse_address
from stream.network.http_body import WHOLE, BytePart, DecryptedBody, HttpBody
from stream.network.http_connections import HttpTimes, http_client
from stream.network.networks import NetworkPolicy

_PLAYLIST = b"#EXTM3U"


class HttpCamera:
    """Opens one address, and what belongs to it. `opener` is PyAV's `io_open`. One thread.

    failure: what went wrong last, until there is data again. The constructor raises AddressRefused, SourceError.
    """

    def __init__(self, address: CameraAddress, policy: NetworkPolicy, times: HttpTimes) -> None:
        self.times = times
        self.failure: OSError | None = None
        self._client = http_client(policy, times)
        self._address = address
        try:
            self._first = self._open(address.plain)
        except BaseException:
            self._client.close()
            raise

    def media(self) -> tuple[CameraFile, bool]:
        """What the address led to, and whether it is a playlist (HLS). Waits for its first bytes: raises OSError."""
        file = CameraFile(self, self._first)
        is_playlist = self._first.begins_with(_PLAYLIST)
        if is_playlist:
            file.name = self._first.url
        return file, is_playlist

    def opener(self, url: str, flags: int, options: Mapping[str, str]) -> CameraFile:
        """A file for a URL that FFmpeg names; an empty one where there is none, so that it goes on without."""
        scheme, plus, inner = url.partition("+")
        try:
            part = BytePart.of(options)
            if scheme == "crypto" and plus:
                body = self._open(parse_address(inner).url(), part)
                return CameraFile(self, DecryptedBody(body, options["key"], options["iv"]))
            return CameraFile(self, self._open(parse_address(url).url(), part))
        except (SourceError, KeyError, ValueError) as error:
            self.failure = OSError(errno.EIO, str(error))
            return CameraFile(self, None)

    def close(self) -> None:
        """Close all connections. Idempotent."""
        self._first.close()
        self._client.close()

    def _open(self, url: str, part: BytePart = WHOLE) -> HttpBody:
        own = parse_address(url)
        secrets = own if own.user is not None else self._address
        return HttpBody(self._client, own.plain, secrets if secrets.user is not None else None, part)


class CameraFile:
    """What FFmpeg reads, without exceptions: PyAV would end everything by one, also where FFmpeg goes on with the next
    segment, and prints one that is followed by another. A failure is the end of the file, and kept for us.

    name: what FFmpeg calls it, where it must know; without it a format cannot be chosen by the address.
    """

    name: str

    def __init__(self, camera: HttpCamera, body: HttpBody | DecryptedBody | None) -> None:
        self._camera, self._body = camera, body

    def read(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end, or where there is no more."""
        if self._body is None:
            return b""
        try:
            data = self._body.read(size)
        except OSError as error:
            self._camera.failure = error
            return b""
        if data:
            self._camera.failure = None
        return data

    def seekable(self) -> bool:
        """Whether `seek` works."""
        return isinstance(self._body, HttpBody) and self._body.seekable()

    def tell(self) -> int:
        """The position, in bytes."""
        return self._body.tell() if isinstance(self._body, HttpBody) else 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """The new position; -1 where that cannot be had."""
        try:
            return self._body.seek(offset, whence) if isinstance(self._body, HttpBody) else -1
        except SourceError as error:
            self._camera.failure = OSError(errno.EIO, str(error))
            return -1

    def close(self) -> None:
        """Close the connection. Idempotent."""
        if self._body is not None:
            self._body.close()
