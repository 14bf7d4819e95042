"""What viewers cost: 9 RTSP cameras, and 50 viewers of their video, held against what is promised of it.

    python deployment/bench/viewers.py [--cameras 9] [--viewers 50] [--seconds 20] [--rounds 3] [--max-fps F]

First everything is analysed that can be; then each camera gets a limit (`max_fps`) of half of what came of it, which is
inference at half load. `--max-fps` gives another limit, 0 none. Rounds without and with viewers alternate, so that a
machine that gets slower is slower for both. Viewers are a process of their own that reads and counts; its CPU time is
not the service's. In the end one more viewer connects and never reads. Reports go to artifacts/bench/viewers.json;
exit code 1 when something does not hold, 2 without the shared data.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

import psutil  # noqa: E402
from cameras import Cameras  # noqa: E402
from machine import UsageMeter, describe  # noqa: E402

from tests.peers.livesight_process import LivesightProcess  # noqa: E402

OUTPUT = ROOT / "artifacts" / "bench" / "viewers.json"
SHARE = 0.9
FIRST_PICTURE_S = 0.5
Report = dict[str, Any]


class Frames:
    """Cuts a server's WebSocket frames out of a byte stream and looks at their heads only."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._to_skip = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """(opcode, first bytes of the payload) of each frame that begins in what has come so far."""
        begun: list[tuple[int, bytes]] = []
        self._buffer += data
        while self._buffer:
            if self._to_skip:
                cut = min(self._to_skip, len(self._buffer))
                del self._buffer[:cut]
                self._to_skip -= cut
                continue
            if len(self._buffer) < 10:
                break
            length, at = self._buffer[1] & 0x7F, 2
            if length >= 126:
                size = 2 if length == 126 else 8
                at += size
                length = int.from_bytes(self._buffer[2:at], "big")
            if len(self._buffer) < at + min(length, 12):
                break
            begun.append((self._buffer[0] & 0x0F, bytes(self._buffer[at : at + min(length, 12)])))
            self._to_skip = at + length
        return begun


def handshake(url: str) -> tuple[tuple[str, int], bytes]:
    """Where to connect, and the request."""
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
    return (parts.hostname, parts.port), "\r\n".join(lines).encode()


async def view(url: str, seconds: float) -> Report:
    """One viewer: how soon its first picture came, and how many did."""
    (host, port), request = handshake(url)
    began_s = time.monotonic()
    reader, writer = await asyncio.open_connection(host, port, limit=2**22)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 101 " not in head:
        raise RuntimeError(f"{url}: {head.splitlines()[0].decode()}")
    frames, pictures, skipped, first_s = Frames(), 0, 0, None
    try:
        async with asyncio.timeout(seconds):
            while data := await reader.read(2**18):
                for opcode, begin in frames.feed(data):
                    if opcode == 2:
                        first_s = first_s or time.monotonic() - began_s
                        pictures += 1
                    elif opcode == 1 and begin.startswith(b'{"skipped"'):
                        skipped += 1
    except TimeoutError:
        pass
    writer.close()
    return {"first_s": first_s, "pictures": pictures, "skips": skipped}


def be_viewers(urls: list[str], viewers: int, seconds: float) -> None:
    """The viewers' process: each looks at one camera; prints its report."""

    async def all_of_them() -> list[Report]:
        async def one(index: int) -> Report:
            await asyncio.sleep(index * 0.02)
            return await view(urls[index % len(urls)], seconds)

        return await asyncio.gather(*(one(index) for index in range(viewers)))

    reports = asyncio.run(all_of_them())
    times = os.times()
    sys.stdout.write(json.dumps({"viewers": reports, "cpu_s": times.user + times.system}))


class Bench:
    """The service, looked at from outside."""

    def __init__(self, service: LivesightProcess, cameras: Cameras, arguments: argparse.Namespace) -> None:
        self.service = service
        self.names = cameras.names
        self.arguments = arguments

    def analysed(self) -> int:
        """Results so far, of all cameras."""
        with urllib.request.urlopen(f"{self.service.url}/v1/streams", timeout=30) as answer:  # nosec B310  # ours
            return sum(stream["analysed"] for stream in json.load(answer)["streams"])

    def wait_until_live(self) -> None:
        """Until every camera gave a result, and a little longer."""
        deadline_s = time.monotonic() + 120
        while time.monotonic() < deadline_s:
            with urllib.request.urlopen(f"{self.service.url}/v1/streams", timeout=30) as answer:  # nosec B310  # ours
                streams = json.load(answer)["streams"]
            if len(streams) == len(self.names) and all(stream["analysed"] for stream in streams):
                time.sleep(3)
                return
            time.sleep(0.5)
        raise RuntimeError("not all cameras came")

    def limit(self, max_fps: float) -> None:
        """Give each camera a limit, and wait until they run with it."""
        for name in self.names:
            self._patch(name, {"max_fps": max_fps})
        self.wait_until_live()

    def _patch(self, name: str, change: Report) -> None:
        body, headers = json.dumps(change).encode(), {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.service.url}/v1/streams/{name}", body, headers, method="PATCH")
        urllib.request.urlopen(request, timeout=30).close()  # nosec B310  # ours

    def measure(self, viewers: int) -> Report:
        """One round: results a second and the service's cores, with so many viewers."""
        seconds = self.arguments.seconds
        process = self._start_viewers(viewers, seconds + 4) if viewers else None
        time.sleep(2)
        before, began_s, meter = self.analysed(), time.monotonic(), UsageMeter(self.service.pid)
        time.sleep(seconds)
        usage, results = meter.read().as_dict(), self.analysed() - before
        report: Report = {"analysed_per_s": round(results / (time.monotonic() - began_s), 1), "usage": usage}
        if process is not None:
            out, _ = process.communicate(timeout=seconds + 60)
            report |= judged(json.loads(out))
        return report

    def never_read(self) -> Report:
        """One viewer that reads nothing: how much the service grows until it is cut off."""
        address, request = handshake(f"{self.service.ws_url}/v1/streams/{self.names[0]}/video")
        service = psutil.Process(self.service.pid)
        with socket.socket() as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            raw.connect(address)
            raw.sendall(request)
            began_s, began_bytes, most = time.monotonic(), service.memory_info().rss, 0
            while time.monotonic() - began_s < 60:
                most = max(most, service.memory_info().rss - began_bytes)
                if self._cut_off():
                    break
                time.sleep(0.5)
            return {"cut_off_s": round(time.monotonic() - began_s, 1), "grew_mb": round(most / 2**20, 1)}

    def _cut_off(self) -> bool:
        with urllib.request.urlopen(f"{self.service.url}/metrics", timeout=30) as answer:  # nosec B310  # ours
            lines = answer.read().decode().splitlines()
        return any(line.startswith("livesight_viewers_cut_off_total ") and float(line.split()[1]) for line in lines)

    def _start_viewers(self, viewers: int, seconds: float) -> subprocess.Popen[str]:
        urls = [f"{self.service.ws_url}/v1/streams/{name}/video" for name in self.names]
        command = [sys.executable, str(Path(__file__)), "--be", *urls, "--viewers", str(viewers)]
        return subprocess.Popen([*command, "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True)


def judged(told: Report) -> Report:
    """What the viewers saw, in a few figures."""
    firsts = sorted(viewer["first_s"] if viewer["first_s"] is not None else 999.0 for viewer in told["viewers"])
    return {
        "first_picture_s": {"p50": round(statistics.median(firsts), 3), "worst": round(firsts[-1], 3)},
        "pictures": sum(viewer["pictures"] for viewer in told["viewers"]),
        "skips": sum(viewer["skips"] for viewer in told["viewers"]),
        "clients_cpu_s": round(told["cpu_s"], 2),
    }


def run(arguments: argparse.Namespace) -> Report:
    """All rounds."""
    rounds: list[tuple[Report, Report]] = []
    settings = {} if arguments.threads is None else {"WORKERS__THREADS": str(arguments.threads)}
    with Cameras(arguments.cameras) as cameras:
        sources = [
            part
            for name, url in zip(cameras.names, cameras.urls, strict=True)
            for part in ("--source", f"{name}={url}")
        ]
        with LivesightProcess(sources, settings) as service:
            bench = Bench(service, cameras, arguments)
            bench.wait_until_live()
            flat_out = bench.measure(0)
            max_fps = arguments.max_fps
            if max_fps is None:
                max_fps = round(flat_out["analysed_per_s"] / arguments.cameras / 2, 2)
            sys.stderr.write(f"flat out: {flat_out}\nmax_fps:  {max_fps or None}\n")
            if max_fps:
                bench.limit(max_fps)
            for number in range(arguments.rounds):
                pair = bench.measure(0), bench.measure(arguments.viewers)
                rounds.append(pair)
                sys.stderr.write(f"round {number + 1}: without {pair[0]}\n         with    {pair[1]}\n")
            stuck = bench.never_read()
    none, some = ([pair[side]["analysed_per_s"] for pair in rounds] for side in (0, 1))
    cores = [pair[1]["usage"]["process_cores"] - pair[0]["usage"]["process_cores"] for pair in rounds]
    return {
        "machine": describe(),
        "cameras": arguments.cameras,
        "viewers": arguments.viewers,
        "flat_out": flat_out,
        "max_fps": max_fps or None,
        "analysed_per_s": {"without": statistics.median(none), "with": statistics.median(some)},
        "share": round(statistics.median(some) / max(0.1, statistics.median(none)), 3),
        "cpu_s_per_viewer_s": round(statistics.median(cores) / arguments.viewers, 5),
        "never_reads": stuck,
        "rounds": rounds,
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=9)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="inference workers of the service; as it chooses by default")
    parser.add_argument("--max-fps", type=float, help="of each camera; 0: none; half of what can be by default")
    parser.add_argument("--be", nargs="+", metavar="URL", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.be:
        return be_viewers(arguments.be, arguments.viewers, arguments.seconds)
    report = run(arguments)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n")
    sys.stdout.write(json.dumps({key: value for key, value in report.items() if key != "rounds"}, indent=1) + "\n")
    late = max(pair[1]["first_picture_s"]["p50"] for pair in report["rounds"]) > FIRST_PICTURE_S
    held = report["share"] >= SHARE and not late and report["never_reads"]["cut_off_s"] < 30
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
