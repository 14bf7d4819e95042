"""The broker dies under four numbered cameras and comes back empty; then our own process dies in such an outage.

    python deployment/soak/outage.py [--seconds 60] [--streams 4] [--fps 10]      # about 5 minutes

Real processes: `livesight up` with an engine that reads the number in each picture, and a Kafka-protocol broker. What
was published is taken from a WebSocket, what arrived from the new broker. Exit code 1 when anything does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import psutil
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.kafka import Broker
from tests.peers.livesight_process import ROOT, LivesightProcess
from tests.peers.number_engine import number_in

TOPIC = "livesight.detections"
SIZE_WH = (160, 96)
NUMBERS_A_STREAM = 4000
START_S = 180.0
STOP_S = 30.0
Results = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Plan:
    """How long and how much. `steady_s` before the outage and after it; `fsync_s` is the service's setting."""

    seconds: float = 60.0
    steady_s: float = 15.0
    streams: int = 4
    fps: int = 10
    fsync_s: float = 1.0

    @property
    def frames(self) -> int:
        """Pictures a clip; more than are played."""
        return min(NUMBERS_A_STREAM, int((self.seconds + 4 * self.steady_s + 60) * self.fps))


@dataclass(frozen=True)
class Report:
    """What came of a run; `missing` and `doubles` by what was published while the broker was away."""

    published: int
    arrived: int
    missing: int
    missing_span_s: float
    reported_lost: float
    doubles: int
    out_of_order: int
    wrong_numbers: int
    rate_before: float
    rate_during: float
    cores_before: float
    cores_during: float
    degraded: list[str]


class Listener:
    """Every result as a WebSocket viewer gets it, with the time when it came. Runs in its own thread."""

    def __init__(self, service: LivesightProcess) -> None:
        self.results: list[tuple[float, dict[str, Any]]] = []
        self._url = f"{service.ws_url}/v1/detections"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), name="listener", daemon=True)

    async def _listen(self) -> None:
        with suppress(OSError, WebSocketException):
            async with connect(self._url, max_queue=None) as socket:
                while not self._ended.is_set():
                    with suppress(TimeoutError):
                        text = await asyncio.wait_for(socket.recv(), 0.2)
                        self.results.append((time.time(), json.loads(text)))

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(5)


def service_for(plan: Plan, broker: Broker, folder: Path) -> LivesightProcess:
    """`livesight up` with the numbered cameras, its state in `folder`; the clips lie beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    arguments = []
    for index in range(plan.streams):
        clip = folder.parent / f"{plan.frames}-{plan.fps}-cam{index}.mp4"
        if not clip.exists():
            spec = ClipSpec(frames=plan.frames, fps=plan.fps, size_wh=SIZE_WH, first_number=index * NUMBERS_A_STREAM)
            make_numbered(clip, spec)
        arguments += ["--source", f"cam{index}=file:{clip}"]
    settings = {
        **broker.settings,
        "KAFKA__SPOOL__FSYNC_S": str(plan.fsync_s),
        "KAFKA__RETRY_S": "0.5",
        "NODE_NAME": "outage",
    }
    python = (sys.executable, str(ROOT / "deployment/soak/numbered_livesight.py"))
    return LivesightProcess(arguments, settings, state_dir=folder / "state", python=python)


@contextmanager
def running(service: LivesightProcess) -> Iterator[LivesightProcess]:
    """The service, started with patience: the machine may be busy."""
    try:
        service.start(START_S)
        yield service
    finally:
        service.kill()
        service.__exit__(None, None, None)  # its folder


def wait_analysed(service: LivesightProcess, plan: Plan) -> None:
    """Until every camera gives results."""
    for index in range(plan.streams):
        service.wait_for(
            lambda name=f"cam{index}": service.metric("livesight_frames_analysed_total", stream=name) > 5, 60, "results"
        )


def load(service: LivesightProcess, seconds: float) -> tuple[float, float]:
    """Results a second, and cores used, over so long."""
    process = psutil.Process(service.pid)
    counted = service.metric("livesight_frames_analysed_total")
    began_s, cpu_s = time.monotonic(), sum(process.cpu_times()[:2])
    time.sleep(seconds)
    took_s = time.monotonic() - began_s
    rate = (service.metric("livesight_frames_analysed_total") - counted) / took_s
    return rate, (sum(process.cpu_times()[:2]) - cpu_s) / took_s


def drained(service: LivesightProcess) -> None:
    """Until nothing waits on disk and readiness is well again."""
    service.wait_for(
        lambda: service.metric("livesight_bus_spooled_messages") == 0 and not service.get_json("/readyz")["reasons"],
        60,
        "end of the replay",
    )


def compare(plan: Plan, published: Listener, since_s: float, until_s: float, broker: Broker) -> dict[str, Any]:
    """What was published between two times, beside what the new broker has."""
    wanted = [(at_s, one) for at_s, one in published.results if since_s <= at_s < until_s]
    arrived = [json.loads(record.value) for record in read_all(broker)]
    by_stream: Results = {}
    for one in arrived:
        by_stream.setdefault(one["stream_id"], []).append(one)
    have = {identity(one) for one in arrived}
    missing = [at_s for at_s, one in wanted if identity(one) not in have]
    return {
        "published": len(wanted),
        "arrived": len(have),
        "missing": len(missing),
        "missing_span_s": round(until_s - min(missing), 2) if missing else 0.0,
        "doubles": len(arrived) - len(have),
        "out_of_order": sum(disorder(results) for results in by_stream.values()),
        "wrong_numbers": sum(number_of(one) != expected(one) for one in arrived),
    }


def read_all(broker: Broker) -> list[Any]:
    """The whole topic, to which nobody writes any more: until nothing more comes for a while."""
    return broker.read(TOPIC, 10**6, 8)


def identity(result: dict[str, Any]) -> tuple[str, int]:
    """What recognises doubles."""
    return result["session"], result["pts_us"]


def disorder(results: list[dict[str, Any]]) -> int:
    """Results of a stream that are before their place, doubles aside, and pictures that neither came nor were told."""
    wrong, seen = 0, set()
    last: dict[str, Any] | None = None
    for one in results:
        if identity(one) in seen:
            continue
        seen.add(identity(one))
        if last is not None and one["session"] == last["session"]:
            wrong += one["frame"] - last["frame"] != one["skipped"] + 1
        last = one
    return wrong


def number_of(result: dict[str, Any]) -> int:
    """The number drawn into the picture, as the engine read it."""
    found = result["detections"]
    return number_in(tuple(found[0]["xyxy"]), tuple(result["size_wh"])) if found else -1


def expected(result: dict[str, Any]) -> int:
    """The number that a picture must carry, by its stream and frame; a clip is not played to its end."""
    return int(result["stream_id"].removeprefix("cam")) * NUMBERS_A_STREAM + int(result["frame"])


def outage(plan: Plan, folder: Path) -> Report:
    """The broker is killed, away for a while, and comes back with nothing."""
    with Broker() as broker, running(service_for(plan, broker, folder)) as service, Listener(service) as published:
        wait_analysed(service, plan)
        rate_before, cores_before = load(service, plan.steady_s)
        broker.kill()
        since_s = time.time()
        rate_during, cores_during = load(service, plan.seconds)
        degraded = service.get_json("/readyz")["reasons"]
        broker.start()
        until_s = time.time()
        time.sleep(plan.steady_s / 2)
        drained(service)
        service.stop(STOP_S)
        found = compare(plan, published, since_s, until_s, broker)
    return Report(
        reported_lost=0.0,
        rate_before=round(rate_before, 2),
        rate_during=round(rate_during, 2),
        cores_before=round(cores_before, 3),
        cores_during=round(cores_during, 3),
        degraded=degraded,
        **found,
    )


def crash(plan: Plan, folder: Path) -> Report:
    """Our process is killed in the middle of an outage and started again; then the broker returns."""
    with Broker() as broker:
        with running(service_for(plan, broker, folder)) as service, Listener(service) as published:
            wait_analysed(service, plan)
            broker.kill()
            since_s = time.time()
            time.sleep(plan.seconds / 2)
            degraded = service.get_json("/readyz")["reasons"]
            service.kill()
            until_s = time.time()
        with running(service_for(plan, broker, folder)) as again:
            again.wait_for(lambda: again.metric("livesight_bus_spooled_messages") > 0, 30, "recovery")
            lost = again.metric("livesight_bus_given_up_messages_total", reason="crash")
            broker.start()
            time.sleep(plan.steady_s / 2)
            drained(again)
            again.stop(STOP_S)
            found = compare(plan, published, since_s, until_s, broker)
    return Report(
        reported_lost=lost,
        rate_before=0.0,
        rate_during=0.0,
        cores_before=0.0,
        cores_during=0.0,
        degraded=degraded,
        **found,
    )


def wrongs(plan: Plan, report: Report, crashed: bool) -> list[str]:
    """What does not hold, in words."""
    a_second = plan.streams * plan.fps
    checks = {
        "nothing was published while the broker was away": report.published > 0,
        f"{report.missing} results are missing": report.missing == 0 or crashed,
        f"results of {report.missing_span_s} s are missing": report.missing_span_s <= plan.fsync_s + 0.5,
        f"{report.doubles} doubles": report.doubles <= a_second,
        f"{report.out_of_order} out of order": report.out_of_order == 0,
        f"{report.wrong_numbers} pictures with another's number": report.wrong_numbers == 0,
        f"lost {report.missing}, said {report.reported_lost}": report.missing <= report.reported_lost + a_second / 2,
        "readiness did not say that the broker is away": any("unreachable" in text for text in report.degraded),
    }
    if not crashed:
        slower = f"{report.rate_during} results/s during the outage, {report.rate_before} before"
        checks[slower] = abs(report.rate_during - report.rate_before) <= 0.1 * report.rate_before
        busier = f"{report.cores_during} cores during the outage, {report.cores_before} before"
        checks[busier] = report.cores_during <= 1.3 * report.cores_before + 0.1
    return [text for text, holds in checks.items() if not holds]


def main() -> int:
    """Both runs; the report to artifacts/soak/outage.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the broker is away")
    parser.add_argument("--steady", type=float, default=15.0, help="seconds before and after")
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--fps", type=int, default=10)
    options = parser.parse_args()
    plan = Plan(options.seconds, options.steady, options.streams, options.fps)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="livesight-outage-") as folder:
        for name, run in (("outage", outage), ("crash", crash)):
            report = run(plan, Path(folder) / name)
            results[name] = {**asdict(report), "wrong": wrongs(plan, report, run is crash)}
            sys.stdout.write(f"{name}: {json.dumps(results[name], indent=1)}\n")
            sys.stdout.flush()
    target = ROOT / "artifacts/soak/outage.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(results, indent=1) + "\n")
    return 1 if any(one["wrong"] for one in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
