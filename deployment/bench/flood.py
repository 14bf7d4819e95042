"""What a flood of connections costs cameras and /healthz, held against what is promised.

    python deployment/bench/flood.py [--cameras 4] [--connections 1300] [--seconds 20] [--rounds 3] [--files 1024]

The connections send nothing, half a header or half a body, and are opened again when the server closes them, 50 a
second. Rounds without and with the flood alternate, so that a machine that gets slower is slower for both. The service
may open `--files` files. Reports go to artifacts/bench/flood.json; exit code 1 when something does not hold.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from cameras import Cameras  # noqa: E402
from machine import UsageMeter, describe  # noqa: E402

from tests.peers.flood import Flood  # noqa: E402
from tests.peers.livesight_process import LivesightProcess  # noqa: E402

OUTPUT = ROOT / "artifacts" / "bench" / "flood.json"
SHARE = 0.9
HEALTH_S = 1.0
Report = dict[str, Any]


def analysed(service: LivesightProcess) -> float:
    """Frames analysed so far, of all cameras."""
    return service.metric("livesight_frames_analysed_total")


def measure(service: LivesightProcess, seconds: float, connections: int) -> Report:
    """One round: frames analysed a second, the slowest /healthz, what was open."""
    with ExitStack() as stack:
        if connections:
            stack.enter_context(Flood(service.port, connections))
        time.sleep(2)
        meter, before, began_s, waits = UsageMeter(service.pid), analysed(service), time.monotonic(), []
        while time.monotonic() - began_s < seconds:
            asked_s = time.monotonic()
            service.get("/healthz", timeout_s=30)
            waits.append(time.monotonic() - asked_s)
            time.sleep(0.2)
        return {
            "analysed_per_s": round((analysed(service) - before) / (time.monotonic() - began_s), 2),
            "healthz_s": {"p50": round(statistics.median(waits), 4), "worst": round(max(waits), 4)},
            "connections": service.metric("livesight_connections"),
            "refused": service.metric("livesight_connections_refused_total"),
            "usage": meter.read().as_dict(),
        }


def per_core_s(report: Report) -> float:
    """Frames analysed in a second of one core."""
    return float(report["analysed_per_s"] / max(0.01, report["usage"]["process_cores"]))


def run(arguments: argparse.Namespace) -> Report:
    """All rounds."""
    limited = ("/bin/sh", "-c", f'ulimit -n {arguments.files}; exec "$@"', "sh", sys.executable, "-m", "livesight")
    rounds: list[tuple[Report, Report]] = []
    with Cameras(arguments.cameras) as cameras:
        named = zip(cameras.names, cameras.urls, strict=True)
        sources = [part for name, url in named for part in ("--source", f"{name}={url}")]
        with LivesightProcess(sources, python=limited) as service:
            service.wait_for(lambda: analysed(service) > 20 * arguments.cameras, 120, "analysed frame")
            for number in range(arguments.rounds):
                pair = (
                    measure(service, arguments.seconds, 0),
                    measure(service, arguments.seconds, arguments.connections),
                )
                rounds.append(pair)
                sys.stderr.write(f"round {number + 1}: without {pair[0]}\n         with    {pair[1]}\n")
            reconnects = service.metric("livesight_stream_reconnects_total")
            log = service.log(10**9)
    none, some = (statistics.median(pair[side]["analysed_per_s"] for pair in rounds) for side in (0, 1))
    bare, flooded = (statistics.median(per_core_s(pair[side]) for pair in rounds) for side in (0, 1))
    return {
        "machine": describe(),
        "cameras": arguments.cameras,
        "connections": arguments.connections,
        "files": arguments.files,
        "analysed_per_s": {"without": none, "with": some},
        "share": round(some / max(0.1, none), 3),
        "share_per_core": round(flooded / max(0.1, bare), 3),  # beside other work: what the flood costs of our own time
        "healthz_worst_s": max(pair[1]["healthz_s"]["worst"] for pair in rounds),
        "reconnects": reconnects,
        "log_lines": len(log.splitlines()),
        "tracebacks": log.count("Traceback"),
        "rounds": rounds,
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--connections", type=int, default=1300)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=1024, help="the service's limit of descriptors")
    report = run(parser.parse_args())
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n")
    sys.stdout.write(json.dumps({key: value for key, value in report.items() if key != "rounds"}, indent=1) + "\n")
    held = report["share"] >= SHARE and report["healthz_worst_s"] <= HEALTH_S and not report["tracebacks"]
    sys.exit(0 if held and not report["reconnects"] else 1)


if __name__ == "__main__":
    main()
