"""Cameras under hostile pictures: their analysed rate, and how long `/healthz` takes, before and meanwhile.

    python deployment/bench/hostile.py [--cameras N] [--fps F] [--seconds S] [--pushed-only] [--json]

A service of its own looks at numbered cameras over HTTP. Then, at once: two clients that post progressive JPEGs of as
many scans as are taken, two that post such of 3,000 scans, one that pushes them as frames, and an MJPEG camera that
sends the costliest frames allowed. Then they rest, and so on in turn, since other programs change what a machine has to
give. Exit code 1 when cameras keep less than 0.9 of their rate in the rests before and after (the median of the
rounds), or `/healthz` takes more than a second.

`cores` tells who had the CPUs in each stretch: the service, its decoders of costly stills, this program (cameras and
clients), all others, nobody. What others take changes the rates: look at it before you believe them.

The hostile camera is configured as the others are: choose so few cameras and frames that all of them are analysed, for
where the analysis is full it gets its turn as every other camera does. With `--pushed-only` there is none, but four
clients that push: where the analysis is full they have one place together (workers/inference/batcher.py).
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
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
from typing import Any

import cv2
import httpx
import psutil
from websockets.sync.client import connect

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.peers.hostile_pictures import progressive_jpeg  # noqa: E402
from tests.peers.mjpeg_camera import MjpegCamera  # noqa: E402
from tests.peers.numbers import numbered_image  # noqa: E402
from tests.peers.ports import free_port  # noqa: E402

_PAUSE_S = 0.2  # between a client's requests: floods of requests are what rate limits are for


@contextlib.contextmanager
def service(port: int, state_dir: Path) -> Iterator[tuple[str, int]]:
    """`livesight up` on loopback; its address and process."""
    command = [sys.executable, "livesight.py", "up", "--port", str(port)]
    environment = os.environ | {"LIVESIGHT_STATE_DIR": str(state_dir)}
    log = (state_dir / "log").open("w")
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: httpx.get(f"{url}/readyz", timeout=5).status_code == 200, 180)
        yield url, process.pid
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
    """Analysed frames a second, of all numbered cameras and of all hostile streams; the times `/healthz` took.

    cores: who had how many CPUs.
    """

    fps: float
    hostile_fps: float
    healthz_s: list[float]
    cores: dict[str, float]


def cpu_times_s(pid: int) -> dict[str, float]:
    """CPU seconds so far, by who had them; those of a decoder that has ended are the service's."""
    machine, process = psutil.cpu_times(), psutil.Process(pid)
    own = process.cpu_times()
    decoders = sum(sum(child.cpu_times()[:2]) for child in process.children())
    family = own.user + own.system + own.children_user + own.children_system
    here = time.process_time()
    busy = machine.user + machine.nice + machine.system + machine.irq + machine.softirq
    return {
        "service": family,
        "decoders": decoders,
        "bench": here,
        "others": busy - family - decoders - here,
        "idle": machine.idle + machine.iowait,
        "steal": machine.steal,
    }


def measure(url: str, pid: int, seconds: float) -> Measured:
    """For so long."""
    begun_s, before, cpu_before = time.monotonic(), analysed(url), cpu_times_s(pid)
    took: list[float] = []
    while time.monotonic() - begun_s < seconds:
        asked_s = time.monotonic()
        httpx.get(f"{url}/healthz", timeout=30).raise_for_status()
        took.append(time.monotonic() - asked_s)
        time.sleep(0.1)
    after, lasted_s = analysed(url), time.monotonic() - begun_s
    cores = {who: round((cpu_s - cpu_before[who]) / lasted_s, 2) for who, cpu_s in cpu_times_s(pid).items()}
    return Measured((after[0] - before[0]) / lasted_s, (after[1] - before[1]) / lasted_s, took, cores)


def summary(times_s: list[float]) -> dict[str, float]:
    """Median and worst."""
    return {"median": round(statistics.median(times_s), 4), "most": round(max(times_s), 3)}


class Attack:
    """The clients, so many of which push. They begin with the first `begin`; each ends what it has begun in `pause`."""

    def __init__(self, url: str, pushes: int) -> None:
        self._url = url
        self._go, self._over = threading.Event(), threading.Event()
        allowed, beyond = progressive_jpeg((4096, 3072), 16), progressive_jpeg((4000, 3000), 3000)
        works = [partial(self._post, image) for image in (allowed, allowed, beyond, beyond)]
        works += [partial(self._push, number) for number in range(pushes)]
        self._at_rest = [threading.Event() for _ in works]
        self._threads = [
            threading.Thread(target=work, args=(at_rest,), daemon=True)
            for work, at_rest in zip(works, self._at_rest, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def begin(self) -> None:
        """All of them at once."""
        self._go.set()

    def pause(self) -> None:
        """Returns when none is waiting for an answer."""
        self._go.clear()
        for at_rest in self._at_rest:
            at_rest.wait(90)

    def end(self) -> None:
        """For good."""
        self._over.set()
        self._go.set()
        for thread in self._threads:
            thread.join(90)

    def _until_over(self, at_rest: threading.Event, once: Callable[[], object]) -> None:
        while not self._over.is_set():
            if not self._go.is_set():
                at_rest.set()
                self._go.wait()
                at_rest.clear()
                continue
            once()

    def _post(self, image: bytes, at_rest: threading.Event) -> None:
        with httpx.Client(timeout=60) as client:

            def once() -> None:
                with contextlib.suppress(httpx.HTTPError):
                    client.post(f"{self._url}/v1/predict", content=image)
                self._over.wait(_PAUSE_S)

            self._until_over(at_rest, once)

    def _push(self, number: int, at_rest: threading.Event) -> None:
        image = progressive_jpeg((3000, 3000), 16)
        with connect(f"{self._url.replace('http', 'ws')}/v1/streams/pushed{number}/frames", max_size=None) as socket:

            def once() -> None:
                socket.send(image)
                socket.recv(60)

            self._until_over(at_rest, once)


def in_turn(url: str, pid: int, options: argparse.Namespace, bomb: str | None) -> tuple[list[Measured], list[Measured]]:
    """So many rounds, each with rest before: the rests (one more at the end) and the rounds. bomb: a hostile camera."""
    calm, under = [], []
    attack = Attack(url, 1 if bomb else 4)
    for _ in range(options.rounds):
        calm.append(measure(url, pid, options.seconds))
        if bomb:
            httpx.post(f"{url}/v1/streams", json={"id": "bomb", "url": bomb}, timeout=60).raise_for_status()
        attack.begin()
        time.sleep(3)
        under.append(measure(url, pid, options.seconds))
        attack.pause()
        if bomb:
            httpx.delete(f"{url}/v1/streams/bomb", timeout=60).raise_for_status()
        time.sleep(1)
    calm.append(measure(url, pid, options.seconds))
    attack.end()
    return calm, under


def report(options: argparse.Namespace, calm: list[Measured], under: list[Measured]) -> dict[str, Any]:
    """kept: of each round, against the rests before and after; and their median."""
    around = [(before.fps + after.fps) / 2 for before, after in itertools.pairwise(calm)]
    kept = [attacked.fps / fps for attacked, fps in zip(under, around, strict=True)]
    return {
        "cameras": options.cameras,
        "offered_fps": options.cameras * options.fps,
        "analysed_fps": {"calm": [round(one.fps, 2) for one in calm], "attacked": [round(one.fps, 2) for one in under]},
        "hostile_fps": [round(one.hostile_fps, 2) for one in under],
        "kept": [round(one, 3) for one in kept],
        "kept_median": round(statistics.median(kept), 3),
        "healthz_s": summary([took for one in under for took in one.healthz_s]),
        "healthz_s_calm": summary([took for one in calm for took in one.healthz_s]),
        "cores": {"calm": mean_cores(calm), "attacked": mean_cores(under)},
        "load_average": os.getloadavg()[0],
    }


def mean_cores(stretches: list[Measured]) -> dict[str, float]:
    """Of each, over all stretches."""
    return {who: round(statistics.mean(one.cores[who] for one in stretches), 2) for who in stretches[0].cores}


def main() -> None:
    """Rest, attack, rest, attack, …, rest."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cameras", type=int, default=2)
    parser.add_argument("--fps", type=float, default=2)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pushed-only", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    frames = [cv2.imencode(".jpg", numbered_image(number, (1280, 720)))[1].tobytes() for number in range(25)]
    costly = progressive_jpeg((3000, 3000), 16)
    with contextlib.ExitStack() as stack:
        state_dir = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cameras = [stack.enter_context(MjpegCamera(frames, options.fps)) for _ in range(options.cameras)]
        bomber = stack.enter_context(MjpegCamera([costly], 10))
        url, pid = stack.enter_context(service(free_port(), state_dir))
        for index, camera in enumerate(cameras):
            answer = httpx.post(f"{url}/v1/streams", json={"id": f"good{index}", "url": camera.url}, timeout=60)
            answer.raise_for_status()
        wait_until(lambda: analysed(url)[0] > 20 * options.cameras, 120)
        found = report(options, *in_turn(url, pid, options, None if options.pushed_only else bomber.url))
    sys.stdout.write(json.dumps(found, indent=None if options.json else 2) + "\n")
    sys.exit(0 if found["kept_median"] >= 0.9 and found["healthz_s"]["most"] <= 1 else 1)


if __name__ == "__main__":
    main()
