"""Bodies of HTTP answers as files for FFmpeg. Blocking; the caller's thread."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from stream.errors import SourceError
from stream.network.camera_address import CameraAddress
from stream.network.http_requests import reason_of, request

_KEPT_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class BytePart:
    """From `first` up to, but without, `stop`; to the end where that is None."""

    first: int = 0
    stop: int | None = None

    @classmethod
    def of(cls, options: Mapping[str, str]) -> BytePart:
        """The part that options of FFmpeg's HTTP mean. Raises ValueError."""
        first, stop = int(options.get("offset", 0)), int(options.get("end_offset", 0)) or None
        if first < 0 or (stop is not None and stop <= first):
            raise ValueError("no such part of a file")
        return cls(first, stop)

    @property
    def whole(self) -> bool:
        """Whether it is all there is."""
        return self.first == 0 and self.stop is None


WHOLE = BytePart()


class HttpBody:
    """The body of an answer, or a part of it, as a file. Seekable where the server serves parts of it, or where it is
    small: then what was read is kept. Of a part the first byte is position 0, and there is no seeking.
    """

    def __init__(self, client: httpx.Client, url: str, secrets: CameraAddress | None, part: BytePart = WHOLE) -> None:
        """Raises AddressRefused, SourceError."""
        self._client, self._secrets = client, secrets
        self.url = url
        self._position = 0
        self._response = self._request(part)
        self.url = str(self._response.url)
        headers = self._response.headers
        length = headers.get("content-length", "")
        self._length = int(length) if length.isdecimal() else None
        self._ranges = part.whole and headers.get("accept-ranges", "").lower() == "bytes" and self._length is not None
        small = part.whole and not self._ranges and self._length is not None and self._length <= _KEPT_BYTES
        self._kept: bytearray | None = bytearray() if small else None
        self._wanted = None if part.stop is None else part.stop - part.first
        self._left = b""
        self._chunks = self._response.iter_raw()

    def begins_with(self, start: bytes) -> bool:
        """Whether the body begins so; call it before anything was read. Raises OSError."""
        head = b""
        while len(head) < len(start) and start.startswith(head) and (more := self._next()):
            head += more
        if self._kept is not None:
            self._kept += head
        else:
            self._left = head
        return head.startswith(start)

    def seekable(self) -> bool:
        """Whether `seek` works."""
        return self._ranges or self._kept is not None

    def tell(self) -> int:
        """The position, in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of files; asks the server for the rest from there. Raises AddressRefused, SourceError."""
        base = {0: 0, 1: self._position, 2: self._length or 0}[whence & 3]
        target = base + offset
        if self._kept is not None:
            self._position = target
        elif target != self._position:
            self._response.close()
            self._response = self._request(BytePart(target))
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
        if self._wanted == 0:
            return b""
        try:
            data = next(self._chunks, b"")
        except httpx.TimeoutException:
            raise TimeoutError(errno.ETIMEDOUT, "no data arrived") from None
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise OSError(errno.EIO, reason_of(error)) from None
        if self._wanted is not None:
            data = data[: self._wanted]
            self._wanted -= len(data)
        return data

    def _request(self, part: BytePart) -> httpx.Response:
        """Raises AddressRefused, SourceError."""
        last = "" if part.stop is None else part.stop - 1
        headers = {} if part.whole else {"range": f"bytes={part.first}-{last}"}
        response = request(self._client, self.url, headers, self._secrets)
        if part.first and response.status_code != 206:
            response.close()
            raise SourceError("serves no parts of files")
        return response


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
