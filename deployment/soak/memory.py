"""Is memory flat? Streams run while cameras come and go by WHIP and WebSocket. Any one thread drives it.

    python deployment/soak/memory.py [--minutes 10] [--streams 8] [--sessions 200] [--output FILE]

Half of the sessions end in order, half are killed. Holds when, after all have gone, RSS grew less than 5 % since the
warm-up and threads and file descriptors are back at their start. Exit code 1 when it does not.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "deployment" / "bench"))

from shared_data import data_dir, needed  # noqa: E402

CLIP = data_dir() / "videos" / "facemask_motion_640x360.mp4"
WARM_S = 45.0
WARM_SESSIONS = 12
GONE_S = 50.0  # 30 s until a pushed stream is forgotten, 10 s until a WHIP peer counts as gone
LOOK_S = 20.0
MOST_GROWTH = 0.05


@dataclass(frozen=True)
class Size:
    """How big the service is: medians over some seconds."""

    rss_mb: float
    threads: int
    fds: int


class Service:
    """`livesight up` with looped files as cameras. A context manager."""

    def __init__(self, streams: int, state_dir: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        sources = [word for index in range(streams) for word in ("--source", f"soak-{index}=file:{CLIP}")]
        self.log = (state_dir / "service.log").open("wb")
        command = [sys.executable, str(HERE / "loopback_livesight.py"), "up", "--port", str(port), *sources]
        environment = {**os.environ, "LIVESIGHT_STATE_DIR": str(state_dir)}
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=environment)
        self._seen = psutil.Process(self.process.pid)

    def wait_live(self, timeout_s: float = 120.0) -> None:
        """Wait until every stream is live. Raises RuntimeError."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s and self.process.poll() is None:
            try:
                body = httpx.get(f"{self.base}/v1/streams").json()
                streams = body["streams"] if isinstance(body, dict) else body
                if streams and all(stream["state"] == "live" for stream in streams):
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.5)
        raise RuntimeError(f"the service is not live after {timeout_s} s")

    def size(self) -> Size:
        """Look for some seconds."""
        seen = []
        for _ in range(int(LOOK_S / 0.5)):
            with self._seen.oneshot():
                seen.append((self._seen.memory_info().rss / 2**20, self._seen.num_threads(), self._seen.num_fds()))
            time.sleep(0.5)
        rss_mb, threads, fds = (statistics.median(column) for column in zip(*seen, strict=True))
        return Size(round(rss_mb, 1), round(threads), round(fds))

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


def one_session(base: str, number: int, stay_s: float) -> str | None:
    """A camera comes, stays and goes; what went wrong, or None."""
    kind, killed = ("whip", "frames")[number % 2], number // 2 % 2 == 1
    command = [sys.executable, str(HERE / "session.py"), kind, base, f"{kind}-{number}"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    up = process.stdout.readline() == "UP\n"
    if up:
        time.sleep(stay_s)
    if killed:
        process.kill()
    try:
        _, said = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        _, said = process.communicate()
    fault = not up or (not killed and process.returncode != 0)
    return f"{kind}-{number}: {said.strip()[-300:]}" if fault else None


def fill_pools(base: str, stream_id: str) -> None:
    """Have the pools of threads and connections filled, which is no leak: sixteen questions at once, thrice."""
    for path in (f"/v1/streams/{stream_id}/snapshot.jpg", "/v1/events?limit=200", "/v1/events/counts"):
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda _, path=path: httpx.get(f"{base}{path}", timeout=60).raise_for_status(), range(48)))


def sessions(base: str, first: int, count: int, seconds: float) -> list[str]:
    """Spread over the time, up to four at once; what went wrong."""
    pace_s, began_s = seconds / count, time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        pending = []
        for number in range(count):
            time.sleep(max(0.0, began_s + number * pace_s - time.monotonic()))
            pending.append(pool.submit(one_session, base, first + number, min(2.0, pace_s)))
        faults = [future.result() for future in pending]
    time.sleep(max(0.0, began_s + seconds - time.monotonic()))
    return [fault for fault in faults if fault is not None]


def soak(service: Service, options: argparse.Namespace) -> dict[str, Any]:
    """Warm up, measure, let them come and go, measure again."""
    service.wait_live()
    time.sleep(WARM_S)
    fill_pools(service.base, "soak-0")
    faults = sessions(service.base, 0, WARM_SESSIONS, 30.0)
    time.sleep(GONE_S)
    before = service.size()
    report: dict[str, Any] = {"asked": vars(options) | {"output": str(options.output)}, "before": asdict(before)}
    sys.stderr.write(json.dumps(report) + "\n")
    faults += sessions(service.base, WARM_SESSIONS, options.sessions, options.minutes * 60)
    time.sleep(GONE_S)
    after = service.size()
    growth = after.rss_mb / before.rss_mb - 1
    held = {
        "memory": growth < MOST_GROWTH,
        "threads": after.threads <= before.threads,
        "file_descriptors": after.fds <= before.fds,
        "sessions": not faults,
    }
    return report | {"after": asdict(after), "rss_growth": round(growth, 4), "faults": faults, "held": held}


def main() -> int:
    """Soak, write the report; 1 when something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--output", type=Path, default=ROOT / "artifacts" / "soak" / "memory.json")
    options = parser.parse_args()
    needed(CLIP)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="livesight-soak-") as folder:
        with Service(options.streams, Path(folder)) as service:
            report = soak(service, options)
        (options.output.with_suffix(".log")).write_bytes((Path(folder) / "service.log").read_bytes())
    text = json.dumps(report, indent=1) + "\n"
    options.output.write_text(text)
    sys.stdout.write(text)
    return 0 if all(report["held"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
