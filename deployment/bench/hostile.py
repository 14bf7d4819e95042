"""Cameras under hostile pictures: their analysed rate, and how long `/healthz` takes, before and meanwhile.

    python deployment/bench/hostile.py [--cameras N] [--fps F] [--seconds S] [--pushed-only] [--json]

A service of its own looks at numbered cameras over HTTP. Then, at once: two clients that post progressive JPEGs of as
many scans as are taken, two that post such of 3,000 scans, one that pushes them as frames, and an MJPEG camera that
sends the costliest frames allowed. Then once more without. Exit code 1 when cameras keep less than 0.9 of their mean
rate before and after, or `/healthz` takes more than a second.

The hostile camera is configured as the others are: choose so few cameras and frames that all of them are analysed, for
where the analysis is full it gets its turn as every other camera does. With `--pushed-only` there is none, but four
clients that push: where the analysis is full they have one place together (workers/inference/batcher.py).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import httpx
from websockets.sync.client import connect

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.peers.hostile_pictures import progressive_jpeg  # noqa: E402
from tests.peers.mjpeg_camera import MjpegCamera  # noqa: E402
from tests.peers.numbers import numbered_image  # noqa: E402
from tests.peers.ports import free_port  # noqa: E402

_PAUSE_S = 0.2  # between a client's requests: floods of requests are what rate limits are for


@contextlib.contextmanager
def service(port: int, state_dir: Path) -> Iterator[str]:
    """`livesight up` on loopback; its address."""
    command = [sys.executable, "livesight.py", "up", "--port", str(port)]
    environment = os.environ | {"LIVESIGHT_STATE_DIR": str(state_dir)}
    log = (state_dir / "log").open("w")
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: httpx.get(f"{url}/readyz", timeout=5).status_code == 200, 180)
        yield url
    finally:
        begun_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        sys.stderr.write(f"SIGTERM: {time.monotonic() - begun_s:.1f} s\n")
        log.close()


def wait_until(holds: Callable[[], bool], timeout_s: float = 60) -> None:
    """Raises TimeoutError."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        with contextlib.suppress(httpx.HTTPError):
            if holds():
                return
        time.sleep(0.2)
    raise TimeoutError


def analysed(url: str) -> tuple[float, float]:
    """Frames that were analysed so far: of the numbered cameras, and of the hostile streams."""
    good = hostile = 0.0
    for line in httpx.get(f"{url}/metrics", timeout=30).text.splitlines():
        if line.startswith("livesight_frames_analysed_total{"):
            count = float(line.split()[-1])
            good, hostile = (good + count, hostile) if 'stream="good' in line else (good, hostile + count)
    return good, hostile


@dataclass(frozen=True)
class Measured:
    """Analysed frames a second, of all numbered cameras and of all hostile streams; the times `/healthz` took."""

    fps: float
    hostile_fps: float
    healthz_s: list[float]


def measure(url: str, seconds: float) -> Measured:
    """For so long."""
    begun_s, before = time.monotonic(), analysed(url)
    took: list[float] = []
    while time.monotonic() - begun_s < seconds:
        asked_s = time.monotonic()
        httpx.get(f"{url}/healthz", timeout=30).raise_for_status()
        took.append(time.monotonic() - asked_s)
        time.sleep(0.1)
    after, lasted_s = analysed(url), time.monotonic() - begun_s
    return Measured((after[0] - before[0]) / lasted_s, (after[1] - before[1]) / lasted_s, took)


def summary(times_s: list[float]) -> dict[str, float]:
    """Median and worst."""
    return {"median": round(statistics.median(times_s), 4), "most": round(max(times_s), 3)}


def attack(url: str, stop: threading.Event, pushes: int) -> list[threading.Thread]:
    """Start the clients, so many of which push."""
    allowed, beyond = progressive_jpeg((4096, 3072), 16), progressive_jpeg((4000, 3000), 3000)

    def post(image: bytes) -> None:
        with httpx.Client(timeout=60) as client:
            while not stop.is_set():
                with contextlib.suppress(httpx.HTTPError):
                    client.post(f"{url}/v1/predict", content=image)
                stop.wait(_PAUSE_S)

    def push(number: int) -> None:
        with connect(f"{url.replace('http', 'ws')}/v1/streams/pushed{number}/frames", max_size=None) as socket:
            while not stop.is_set():
                socket.send(progressive_jpeg((3000, 3000), 16))
                socket.recv(60)

    works = [partial(post, image) for image in (allowed, allowed, beyond, beyond)]
    works += [partial(push, number) for number in range(pushes)]
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    return threads


def main() -> None:
    """Measure, attack, measure again."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cameras", type=int, default=2)
    parser.add_argument("--fps", type=float, default=2)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--pushed-only", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    frames = [cv2.imencode(".jpg", numbered_image(number, (1280, 720)))[1].tobytes() for number in range(25)]
    costly = progressive_jpeg((3000, 3000), 16)
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        state_dir = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cameras = [stack.enter_context(MjpegCamera(frames, options.fps)) for _ in range(options.cameras)]
        bomber = stack.enter_context(MjpegCamera([costly], 10))
        url = stack.enter_context(service(free_port(), state_dir))
        for index, camera in enumerate(cameras):
            answer = httpx.post(f"{url}/v1/streams", json={"id": f"good{index}", "url": camera.url}, timeout=60)
            answer.raise_for_status()
        wait_until(lambda: analysed(url)[0] > 20 * options.cameras, 120)
        before = measure(url, options.seconds)
        if not options.pushed_only:
            httpx.post(f"{url}/v1/streams", json={"id": "bomb", "url": bomber.url}, timeout=60).raise_for_status()
        threads = attack(url, stop, 4 if options.pushed_only else 1)
        time.sleep(3)
        under = measure(url, options.seconds)
        stop.set()
        for thread in threads:
            thread.join(60)
        if not options.pushed_only:
            httpx.delete(f"{url}/v1/streams/bomb", timeout=60).raise_for_status()
        after = measure(url, options.seconds)
    calm_fps = (before.fps + after.fps) / 2
    report = {
        "cameras": options.cameras,
        "offered_fps": options.cameras * options.fps,
        "analysed_fps": {"before": round(before.fps, 2), "attacked": round(under.fps, 2), "after": round(after.fps, 2)},
        "hostile_fps": round(under.hostile_fps, 2),
        "kept": round(under.fps / calm_fps, 3),
        "healthz_s": summary(under.healthz_s),
        "healthz_s_before": summary(before.healthz_s),
    }
    sys.stdout.write(json.dumps(report, indent=None if options.json else 2) + "\n")
    sys.exit(0 if under.fps >= 0.9 * calm_fps and max(under.healthz_s) <= 1 else 1)


if __name__ == "__main__":
    main()
