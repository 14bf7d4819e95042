"""An RTSP camera over TCP whose habits a test chooses: times, parameter sets, time-outs, audio, TLS. Own threads."""

from __future__ import annotations

import base64
import re
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import av

from tests.peers.broken_servers import BrokenServer

_PAYLOAD = 1398


@dataclass(frozen=True)
class Habits:
    """What is odd about a camera. rtp_time: of a picture, in 1/90000 s, by its number.

    timeout_s: a session without a request for so long is dropped; first: the number of the clip's picture that players
    join at; sets: where the parameter sets are, `stream` or `sdp`; audio: a second medium, sent unasked.
    """

    fps: int = 25
    rtp_time: Callable[[int], int] = lambda index: 90_000 + index * 3600
    timeout_s: float = 60.0
    first: int = 0
    sets: str = "stream"
    audio: bool = False
    certificate: Path | None = None


class ScriptedRtsp(BrokenServer):
    """Plays a raw H.264 file for ever. `requests` has the methods that players asked for, `agents` their names."""

    def __init__(self, clip: Path, habits: Habits = Habits()) -> None:
        super().__init__()
        with av.open(str(clip)) as container:
            self._units = [_nal_units(bytes(packet)) for packet in container.demux(video=0) if packet.size]
        self._habits = habits
        self.requests: list[str] = []
        self.agents: list[str] = []
        self.expired = 0
        self._asked_s = 0.0

    @property
    def url(self) -> str:
        """Where the camera is."""
        return f"rtsp{'s' if self._habits.certificate else ''}://127.0.0.1:{self.port}/camera"

    def answer(self, connection: socket.socket) -> None:
        """One player, to its TEARDOWN."""
        if self._habits.certificate is None:
            return self._talk(connection)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._habits.certificate)
        with context.wrap_socket(connection, server_side=True) as encrypted:
            self._talk(encrypted)

    def _talk(self, connection: socket.socket) -> None:
        """Requests are looked for between pictures, so that one thread does all: TLS sockets want no two."""
        connection.settimeout(0.001)
        data, playing, index, begun_s, numbers = b"", False, 0, 0.0, count()
        self._asked_s = time.monotonic()
        while not self._closed.is_set():
            try:
                more = connection.recv(65536)
            except TimeoutError:
                pass
            else:
                if not more:
                    return
                data += more
            while taken := self._take(data):
                head, data = taken
                if head is None:
                    continue
                connection.sendall(self._answered(head))
                if head.startswith("TEARDOWN"):
                    return
                if head.startswith("PLAY"):
                    playing, begun_s = True, time.monotonic()
            if time.monotonic() - self._asked_s > self._habits.timeout_s:
                self.expired += 1
                return
            if playing and time.monotonic() >= begun_s + index / self._habits.fps:
                connection.sendall(self._picture(index, numbers))
                index += 1
            else:
                self._closed.wait(0.002)

    def _take(self, data: bytes) -> tuple[str | None, bytes] | None:
        """The next request's head, or None for a block of RTCP, and what follows it."""
        if data[:1] == b"$":
            size = 4 + int.from_bytes(data[2:4], "big")
            if len(data) < max(size, 4):
                return None
            return None, data[size:]
        end = data.find(b"\r\n\r\n")
        return None if end < 0 else (data[:end].decode(), data[end + 4 :])

    def _answered(self, head: str) -> bytes:
        method, url, _ = head.split(" ", 2)
        self.requests.append(method)
        agent = re.search(r"User-Agent: (.*)\r?", head)
        self.agents.append(agent[1] if agent else "")
        self._asked_s = time.monotonic()
        sequence = re.search(r"CSeq: (\d+)", head)
        lines = ["RTSP/1.0 200 OK", f"CSeq: {sequence[1] if sequence else 0}"]
        body = ""
        if method == "OPTIONS":
            lines.append("Public: OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY, GET_PARAMETER")
        elif method == "DESCRIBE":
            body = self._description()
            lines += ["Content-Type: application/sdp", f"Content-Base: {url}/", f"Content-Length: {len(body)}"]
        elif method == "SETUP":
            lines.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        if method != "OPTIONS":
            lines.append(f"Session: 1234;timeout={int(self._habits.timeout_s)}")
        return ("\r\n".join([*lines, "", ""]) + body).encode()

    def _description(self) -> str:
        sets = [unit for unit in self._units[0] if unit[0] & 31 in (7, 8)]
        encoded = ",".join(base64.b64encode(unit).decode() for unit in sets)
        known = f";sprop-parameter-sets={encoded}" if self._habits.sets == "sdp" else ""
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=x", "t=0 0", "a=control:*"]
        if self._habits.audio:
            lines += ["m=audio 0 RTP/AVP 8", "a=rtpmap:8 PCMA/8000", "a=control:track0"]
        lines += ["m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", f"a=fmtp:96 packetization-mode=1{known}"]
        return "\r\n".join([*lines, "a=control:track1", ""])

    def _picture(self, index: int, numbers: count[int]) -> bytes:
        """All packets of one picture, interleaved (RFC 6184 with FU-A), after a block of audio where there is such."""
        units = self._units[(self._habits.first + index) % len(self._units)]
        if self._habits.sets == "sdp":
            units = [unit for unit in units if unit[0] & 31 not in (7, 8)]
        payloads = [part for unit in units for part in _fragments(unit)]
        blocks = [_block(2, 8, index, index * 320, bytes(320))] if self._habits.audio else []
        for number, payload in enumerate(payloads, 1):
            kind = 96 | (0x80 if number == len(payloads) else 0)
            blocks.append(_block(0, kind, next(numbers), self._habits.rtp_time(index), payload))
        return b"".join(blocks)


def _nal_units(data: bytes) -> list[bytes]:
    return [unit.rstrip(b"\0") for unit in data.split(b"\0\0\1") if unit.rstrip(b"\0")]


def _fragments(unit: bytes) -> list[bytes]:
    if len(unit) <= _PAYLOAD:
        return [unit]
    indicator, kind, body = unit[0] & 0xE0 | 28, unit[0] & 31, unit[1:]
    parts = [body[at : at + _PAYLOAD] for at in range(0, len(body), _PAYLOAD)]
    marks = [0x80 if at == 0 else 0x40 if at == len(parts) - 1 else 0 for at in range(len(parts))]
    return [bytes((indicator, kind | mark)) + part for mark, part in zip(marks, parts, strict=True)]


def _block(channel: int, kind: int, sequence: int, at: int, payload: bytes) -> bytes:
    packet = struct.pack(">BBHII", 0x80, kind, sequence % 2**16, at % 2**32, 0x1234 + channel) + payload
    return b"$" + bytes((channel,)) + len(packet).to_bytes(2, "big") + packet
