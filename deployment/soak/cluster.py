"""Three nodes share twelve cameras; one is killed, one joins, one ends, one sleeps. How long is each camera dark?

    python deployment/soak/cluster.py [--cameras 12] [--nodes 3] [--fps 10] [--rounds 5]     # a quarter of an hour

Real processes with an engine that uses next to no CPU, a Kafka-protocol broker (Tansu evicts after 10 s, whatever the
session time-out), an RTSP server. What is measured is seen at the broker: the longest silence of each camera. The
report goes to `artifacts/soak/cluster.json`. Exit code 1 when a camera ran on two nodes, was interrupted without need,
or stayed dark for longer than the limits.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.cluster import NUMBER_LIVESIGHT, LocalCluster
from tests.peers.livesight_process import ROOT
from tests.peers.results import Results
from tests.peers.rtsp import Mount, RtspServer

EVICTION_S = 10.0  # Tansu's, measured
KILLED_LIMIT_S = EVICTION_S + 5.0
HANDOVER_LIMIT_S = 3.0  # less than a round of Tansu's takes: those that a node names run its cameras before that
LATE_LIMIT_S = 1.0
QUIET_S = 8.0
PATIENCE_S = 300.0

Where = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Case:
    """One thing that happened. `dark_s`: the longest silence of each camera that had to move; `faults` in words."""

    what: str
    moved: int
    dark_s: list[float]
    faults: list[str]


class Run:
    """The cluster and its cameras."""

    def __init__(self, cluster: LocalCluster, results: Results, cameras: list[str]) -> None:
        self._cluster = cluster
        self._results = results
        self._cameras = cameras
        self._joined = len(cluster.nodes)

    def where(self) -> Where | None:
        """Camera → (node, session), once all are live on living nodes and each on one alone."""
        streams = self._cluster.streams()
        found = {name: (streams[name]["node"], streams[name]["session"]) for name in self._cameras if name in streams}
        live = all(streams[name]["state"] == "live" for name in found) and len(found) == len(self._cameras)
        up = sum(len(names) for names in self._cluster.running().values())
        alive = {node for node, _ in found.values()} <= set(self._cluster.nodes)
        return found if live and alive and up == len(self._cameras) else None

    def settled(self) -> Where:
        """Where the cameras are once nothing has moved for a while."""
        last: list[tuple[Where, float]] = []

        def quiet() -> Where | None:
            now = self.where()
            if now is None:
                last.clear()
            elif not last or last[-1][0] != now:
                last.append((now, time.monotonic()))
            elif time.monotonic() - last[-1][1] > QUIET_S:
                return now
            return None

        found: Where = self._cluster.wait(quiet, PATIENCE_S, "quiet")
        return found

    def case(self, what: str, do: Callable[[Where], set[str]], limit_s: float) -> Case:
        """Do it; only what `do` returns, or moved to a newcomer, may have been interrupted."""
        before = self.settled()
        began_s = time.monotonic()
        theirs = do(before)
        after = self.settled()
        moved = {name for name in before if before[name][0] != after[name][0]}
        again = {name for name in before if before[name][1] != after[name][1]}
        gaps = self._results.gaps(began_s, theirs or moved)
        faults = [f"{name} was interrupted without need" for name in sorted(again - (theirs or moved))]
        faults += [f"{name} was dark for {gap:.1f} s" for name, gap in sorted(gaps.items()) if gap > limit_s]
        return Case(what, len(moved), sorted(round(gap, 2) for gap in gaps.values()), faults)

    def joins(self, before: Where) -> set[str]:
        """One more node."""
        self._joined += 1
        self._cluster.start(f"node-{self._joined}")
        return set()

    def ends(self, before: Where) -> set[str]:
        """SIGTERM for the newest."""
        name = max(self._cluster.nodes)
        self._cluster.end(name)
        return theirs(before, name)

    def is_killed(self, before: Where) -> set[str]:
        """kill -9 for the busiest; what it had goes to the others."""
        name = max(self._cluster.nodes, key=lambda node: len(theirs(before, node)))
        self._cluster.kill(name)
        return theirs(before, name)

    def sleeps(self, before: Where) -> Case:
        """SIGSTOP until all it had runs elsewhere, then SIGCONT: how old may its last pictures be?"""
        name = max(self._cluster.nodes, key=lambda node: len(theirs(before, node)))
        mine, pid, began_s = theirs(before, name), self._cluster.processes[name].pid, time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        try:
            self._cluster.wait(
                lambda: mine <= {seen.stream for seen in self._results.since(began_s) if seen.node != name},
                PATIENCE_S,
                "take-over",
            )
        finally:
            woken_s, woken_at_s = time.monotonic(), time.time()
            os.kill(pid, signal.SIGCONT)
        self.settled()
        old = {before[stream][1] for stream in mine}
        late = [seen.captured_at_s - woken_at_s for seen in self._results.since(woken_s) if seen.session in old]
        faults = [f"a result {age:.1f} s after it woke" for age in late if age > LATE_LIMIT_S]
        return Case("SIGSTOP, SIGCONT: seconds after waking", len(mine), sorted(round(age, 2) for age in late), faults)


def theirs(where: Where, node: str) -> set[str]:
    """The cameras of a node."""
    return {name for name, (runs_on, _) in where.items() if runs_on == node}


def measure(run: Run, rounds: int) -> list[Case]:
    """Every case, `rounds` times."""
    cases = []
    for _ in range(rounds):
        cases.append(run.case("a node joins", run.joins, HANDOVER_LIMIT_S + EVICTION_S))
        cases.append(run.case("SIGTERM", run.ends, HANDOVER_LIMIT_S))
        cases.append(run.sleeps(run.settled()))
        run.case("a node joins", run.joins, HANDOVER_LIMIT_S + EVICTION_S)
        cases.append(run.case("kill -9", run.is_killed, KILLED_LIMIT_S))
        sys.stdout.writelines(json.dumps(asdict(case)) + "\n" for case in cases[-4:])
        sys.stdout.flush()
    return cases


def main() -> int:
    """Run, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=12)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--fps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=ROOT / "artifacts" / "soak" / "cluster.json")
    chosen = parser.parse_args()
    settings = {"CLUSTER__STATUS_S": "1", "CLUSTER__AWAY_S": "5", "KAFKA__TOPICS__PARTITIONS": "64"}
    with tempfile.TemporaryDirectory() as folder:
        clip = make_numbered(Path(folder) / "clip.h264", ClipSpec(frames=200, gop=chosen.fps))
        with (
            RtspServer({"cam": Mount(clip, fps=chosen.fps)}) as rtsp,
            LocalCluster(chosen.nodes, 1, settings, NUMBER_LIVESIGHT) as cluster,
            Results(cluster.broker.address) as results,
        ):
            cameras = [f"camera-{number}" for number in range(1, chosen.cameras + 1)]
            for name in cameras:
                cluster.add(name, rtsp.url("cam"))
            cases = measure(Run(cluster, results, cameras), chosen.rounds)
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps([asdict(case) for case in cases], indent=1) + "\n")
    faults = [f"{case.what}: {fault}" for case in cases for fault in case.faults]
    sys.stdout.writelines(f"{fault}\n" for fault in faults or ["all within the limits"])
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
