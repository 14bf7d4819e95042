"""What accounts cost: an API read without them, with a key and with a session, and the frames analysed meanwhile.

    python deployment/bench/access.py [--runs 10] [--requests 200] [--seconds 10]

Two services with the demo's camera, one with `auth.mode` none and one with accounts, are asked in turn over one kept
connection each: `GET /v1/streams` as an admin by session, by key, and in mode none. Each run asks all three, so that a
machine that gets slower is slower for all. Then the frames analysed a second of both, in turn. Reports go to
artifacts/bench/access.json; exit code 1 when a read costs more than 0.5 ms more in the median.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from machine import describe  # noqa: E402

from tests.peers.livesight_process import LivesightProcess  # noqa: E402

OUTPUT = ROOT / "artifacts" / "bench" / "access.json"
MORE_MS = 0.5
NAME, PASSWORD = "bench", "a password for the bench"
Report = dict[str, Any]


def command(state_dir: Path, *arguments: str, stdin: str = "") -> str:
    """A Livesight command on the accounts in `state_dir`; its output."""
    environment = {"LIVESIGHT_STATE_DIR": str(state_dir), "LIVESIGHT_AUTH__MODE": "accounts", "PYTHONPATH": str(ROOT)}
    called = [sys.executable, "-m", "livesight", *arguments]
    return subprocess.run(called, input=stdin, capture_output=True, text=True, check=True, env=environment).stdout


class Asker:
    """One kept connection with one credential."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = headers

    def ask_ms(self) -> float:
        """How long a read takes, in milliseconds."""
        began_s = time.perf_counter()
        self._connection.request("GET", "/v1/streams", headers=self._headers)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"GET /v1/streams: {answer.status}")
        return 1000 * (time.perf_counter() - began_s)


def session_cookie(port: int) -> str:
    """Signs in; the cookie."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"name": NAME, "password": PASSWORD})
    connection.request("POST", "/v1/login", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return str(answer.headers["set-cookie"]).split(";")[0]


def reads(askers: dict[str, Asker], runs: int, requests: int) -> Report:
    """Medians in milliseconds of each run, and how much more than without accounts, in the median of the runs.

    Requests alternate one by one, so that each meets what the others meet.
    """
    medians: dict[str, list[float]] = {name: [] for name in askers}
    for _ in range(runs):
        times: dict[str, list[float]] = {name: [] for name in askers}
        for _ in range(requests):
            for name, asker in askers.items():
                times[name].append(asker.ask_ms())
        for name, taken in times.items():
            medians[name].append(round(statistics.median(taken), 3))
    more = {
        name: round(statistics.median(own - none for own, none in zip(taken, medians["none"], strict=True)), 3)
        for name, taken in medians.items()
        if name != "none"
    }
    return {"median_ms": medians, "more_ms": more}


def analysed(services: dict[str, LivesightProcess], seconds: float, runs: int) -> dict[str, list[float]]:
    """Frames analysed a second of each service, in turn."""

    def count(service: LivesightProcess) -> float:
        return service.metric("livesight_frames_analysed_total")

    rates: dict[str, list[float]] = {name: [] for name in services}
    for _ in range(runs):
        for name, service in services.items():
            before, began_s = count(service), time.monotonic()
            time.sleep(seconds)
            rates[name].append(round((count(service) - before) / (time.monotonic() - began_s), 2))
    return rates


def run(arguments: argparse.Namespace) -> Report:
    """Both services, then the figures."""
    with ExitStack() as stack:
        state_dir = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        command(state_dir, "users", "add", NAME, "--grant", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
        key = command(state_dir, "keys", "add", NAME, "--role", "admin").strip()
        accounts = LivesightProcess(command="demo", settings={"AUTH__MODE": "accounts"}, state_dir=state_dir)
        services = {"none": LivesightProcess(command="demo"), "accounts": accounts}
        for service in services.values():
            stack.enter_context(service)
        askers = {
            "none": Asker(services["none"].port, {}),
            "key": Asker(accounts.port, {"X-API-Key": key}),
            "session": Asker(accounts.port, {"Cookie": session_cookie(accounts.port)}),
        }
        for asker in askers.values():
            asker.ask_ms()
        found = reads(askers, arguments.runs, arguments.requests)
        accounts.key = key
        return {**found, "analysed_per_s": analysed(services, arguments.seconds, max(1, arguments.runs // 3))}


def main() -> int:
    """Print and store the report; 1 when a read costs too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    report = {"machine": describe(), **run(parser.parse_args())}
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=2))
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 1 if max(report["more_ms"].values()) > MORE_MS else 0


if __name__ == "__main__":
    sys.exit(main())
