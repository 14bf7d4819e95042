"""What is no outage raises no alert, and what is one raises one: ten times each.

    python deployment/soak/alarms.py [--rounds 10] [--only service|cluster]      # 40 minutes on two cores

Real processes with an engine that uses next to no CPU, RTSP cameras, a Kafka-protocol broker, PostgreSQL. One process
by itself: a camera is changed and the service restarted in that moment, a camera is removed, one is unplugged. Three
nodes with a monitor: rolling restarts, a broker that is away for longer than the rule waits, a camera that is removed,
one that is unplugged. The report goes to `artifacts/soak/alarms.json`. Exit code 1 when anything does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.cluster import NUMBER_LIVESIGHT, LocalCluster, ask
from tests.peers.livesight_process import ROOT, LivesightProcess
from tests.peers.rtsp import Mount, RtspServer

PATIENCE_S = 300.0
SERVICE_FOR_S = 4.0
CLUSTER_FOR_S = 20.0
RULE = "down"


@dataclass(frozen=True)
class Case:
    """What was done so often, and how many alerts it raised and ended in each round."""

    what: str
    wanted: int
    raised: list[int]
    ended: list[int]

    @property
    def holds(self) -> bool:
        """Whether each round was as it should be."""
        return all(count == self.wanted for count in (*self.raised, *self.ended))


class Site:
    """What is asked, and what it says: a service by itself, or a cluster."""

    def __init__(self, api: Callable[[], LivesightProcess], for_s: float) -> None:
        self._api = api
        self._for_s = for_s

    def ask(self, path: str, method: str = "GET", body: dict[str, Any] | None = None) -> dict[str, Any]:
        """JSON over HTTP; a process that is just starting is asked again."""
        process = self._api()
        headers = {} if process.key is None else {"x-api-key": process.key}
        data = None if body is None else json.dumps(body).encode()
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                return ask(process.url + path, method, data, headers)
            except (OSError, AssertionError):
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.5)

    def set_rule(self) -> None:
        """The one rule about cameras that are down; the one that comes along would tell the same."""
        rule = {"when": {"type": "stream_down", "for_s": self._for_s}, "cooldown_s": 0, "clip": False}
        self.ask(f"/v1/rules/{RULE}", "PUT", {"name": RULE, **rule})
        self.ask("/v1/rules/stream-down", "PUT", {"name": "stream-down", **rule, "enabled": False})

    def add(self, stream_id: str, url: str) -> None:
        """A camera."""
        self.ask("/v1/streams", "POST", {"id": stream_id, "url": url, "models": ["mask"]})

    def wait_live(self, *stream_ids: str) -> None:
        """Until these cameras are live and analysed."""

        def live() -> bool:
            found = {one["id"]: one for one in self.ask("/v1/streams")["streams"]}
            return all(name in found and found[name]["state"] == "live" for name in stream_ids)

        self.wait(live, f"live cameras {stream_ids}")

    def wait(self, found: Callable[[], bool], what: str) -> None:
        """Poll. Raises RuntimeError with the log when the time is up."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not found():
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"no {what} within {PATIENCE_S} s\n{self._api().log()}")
            time.sleep(0.3)

    def counts(self) -> tuple[int, int]:
        """Alerts of the rule so far, and how many of them are over."""
        alerts = self.ask(f"/v1/alerts?rule={RULE}&limit=500")["alerts"]
        return len(alerts), sum(one["ended_at_ns"] is not None for one in alerts)

    def quiet(self, factor: float = 1.5) -> None:
        """Long enough for a false alarm to be raised."""
        time.sleep(factor * self._for_s + 1)

    def case(self, what: str, wanted: int, rounds: int, do: Callable[[int], None]) -> Case:
        """Do it so often."""
        raised, ended = [], []
        for number in range(rounds):
            before = self.counts()
            do(number)
            after = self.counts()
            raised.append(after[0] - before[0])
            ended.append(after[1] - before[1])
        case = Case(what, wanted, raised, ended)
        sys.stdout.write(f"{'holds' if case.holds else 'FAILS'}  {what}: raised {raised}, ended {ended}\n")
        sys.stdout.flush()
        return case

    def removed(self, url: str) -> Callable[[int], None]:
        """A camera comes and is removed."""

        def do(number: int) -> None:
            self.add(f"short{number}", url)
            self.wait_live(f"short{number}")
            self.ask(f"/v1/streams/short{number}", "DELETE")
            self.quiet()

        return do

    def unplugged(self, camera: RtspServer) -> Callable[[int], None]:
        """A camera is gone until the alert, and comes back."""

        def do(number: int) -> None:
            before = self.counts()
            camera.kill()
            self.wait(lambda: self.counts()[0] > before[0], "alert")
            self.quiet(0.5)
            camera.start()
            self.wait(lambda: self.counts()[1] > before[1], "end of the alert")
            self.quiet(0.5)

        return do


@contextmanager
def cameras(folder: Path) -> Iterator[tuple[RtspServer, RtspServer]]:
    """One that stays, and one to be unplugged; of five pictures a second."""
    clip = make_numbered(folder / "clip.h264", ClipSpec(frames=100, fps=5, gop=5))
    with RtspServer({"cam": Mount(clip, fps=5)}) as steady, RtspServer({"cam": Mount(clip, fps=5)}) as other:
        yield steady, other


def service(rounds: int, folder: Path, for_s: float = SERVICE_FOR_S) -> list[Case]:
    """One process, which is its own monitor."""
    with cameras(folder) as (steady, other), ExitStack() as stack:

        def started() -> LivesightProcess:
            made = LivesightProcess([], {"NODE_NAME": "alone"}, state_dir=folder / "state", python=NUMBER_LIVESIGHT)
            stack.push(made.__exit__)
            made.start(PATIENCE_S)
            return made

        running = [started()]
        site = Site(lambda: running[-1], for_s)
        site.set_rule()
        site.add("steady", steady.url("cam"))
        site.add("other", other.url("cam"))
        site.wait_live("steady", "other")

        def edit_and_restart(number: int) -> None:
            site.ask("/v1/streams/steady", "PATCH", {"blur": number % 2 == 0})
            running[-1].stop(30)
            time.sleep(2 * for_s)
            running.append(started())
            site.wait_live("steady", "other")
            site.quiet()

        return [
            site.case("one process: edit, then restart", 0, rounds, edit_and_restart),
            site.case("one process: removal", 0, rounds, site.removed(steady.url("cam"))),
            site.case("one process: unplugged", 1, rounds, site.unplugged(other)),
        ]


def cluster(rounds: int, folder: Path) -> list[Case]:
    """Three nodes, an api process and a monitor over a broker."""
    settings = {"CLUSTER__STATUS_S": "1", "WORKERS__THREADS": "1"}
    with (
        cameras(folder) as (steady, other),
        LocalCluster(nodes=3, apis=1, settings=settings, python=NUMBER_LIVESIGHT, accounts=True) as nodes,
    ):
        site = Site(lambda: nodes.api, CLUSTER_FOR_S)
        site.set_rule()
        names = [f"steady{number}" for number in range(5)]
        for name in names:
            site.add(name, steady.url("cam"))
        site.add("other", other.url("cam"))
        site.wait_live(*names, "other")

        def rolling_restart(number: int) -> None:
            for name in sorted(nodes.nodes):
                nodes.end(name)
                nodes.start(name, PATIENCE_S)
                site.wait_live(*names, "other")
            site.quiet()

        def broker_restart(number: int) -> None:
            nodes.broker.kill()
            time.sleep(1.5 * CLUSTER_FOR_S)
            nodes.broker.start()
            site.wait_live(*names, "other")
            site.quiet()

        return [
            site.case("cluster: rolling restart of three nodes", 0, rounds, rolling_restart),
            site.case("cluster: removal", 0, rounds, site.removed(steady.url("cam"))),
            site.case("cluster: broker away and back, empty", 0, rounds, broker_restart),
            site.case("cluster: unplugged", 1, rounds, site.unplugged(other)),
        ]


def main() -> int:
    """All of it; 1 when a round is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", choices=("service", "cluster"))
    chosen = parser.parse_args()
    cases: list[Case] = []
    for name, run in (("service", service), ("cluster", cluster)):
        if chosen.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="livesight-alarms-") as folder:
                cases += run(chosen.rounds, Path(folder))
    target = ROOT / "artifacts/soak/alarms.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps([{**asdict(case), "holds": case.holds} for case in cases], indent=1))
    return 0 if all(case.holds for case in cases) else 1


if __name__ == "__main__":
    sys.exit(main())
