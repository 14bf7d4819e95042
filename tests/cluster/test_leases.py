"""Nodes share the cameras: one node each, whoever comes, goes, dies or sleeps. Real processes, a real broker."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from datetime import datetime

import pytest

from tests.cluster.conftest import HEARTBEAT_S, SESSION_S, Place, Site
from tests.peers.cluster import ask
from tests.peers.eviction import Eviction

pytestmark = [
    pytest.mark.timeout(600),
    # of a node that is killed while it is asked, or of kafka-python: closed when the garbage collector comes to it
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

PATIENCE_S = 150.0


def say(measured: str) -> None:
    """Shown by `pytest -s`, and with a failure."""
    sys.stdout.write(f"\n{measured}\n")


GAP_S = 3.0  # at SIGTERM, of each camera; the group's next round takes the test's broker 6 s and more
AFTER_EVICTION_S = 5.0  # to begin what the broker gives


def moved(before: dict[str, Place], after: dict[str, Place]) -> set[str]:
    """The streams that run elsewhere now."""
    return {stream for stream in before if before[stream].node != after[stream].node}


def begun_again(before: dict[str, Place], after: dict[str, Place]) -> set[str]:
    """The streams whose picture was interrupted, for whatever reason."""
    return {stream for stream in before if before[stream].session != after[stream].session}


def test_each_camera_runs_on_exactly_one_node(site: Site) -> None:
    there = site.cluster.streams()
    for stream in [stream for stream in site.cameras if stream not in there]:
        added = site.cluster.add(stream, site.url)
        assert added["state"] in ("waiting", "connecting", "live")
    live = site.cluster.wait(site.live, PATIENCE_S, "12 live cameras")
    running = site.cluster.wait(site.each_once, PATIENCE_S, "camera on exactly one node")
    assert set(running) == {"node-1", "node-2", "node-3"}
    assert all(running.values()), f"a node without a camera: {running}"
    assert {stream: node for node, streams in running.items() for stream in streams} == {
        stream: node for stream, (node, _) in live.items()
    }, "the status topic names other nodes than run them"


def test_a_node_that_joins_gets_its_share_and_nothing_else_is_interrupted(site: Site) -> None:
    before = site.cluster.wait(site.live, PATIENCE_S, "12 live cameras")
    site.cluster.start("node-4")

    def settled() -> dict[str, Place] | None:
        now = site.live()
        return now if now and any(node == "node-4" for node, _ in now.values()) and site.each_once() else None

    site.cluster.wait(settled, PATIENCE_S, "camera on the new node")
    # two rounds of a rebalance move partitions; wait until nothing moves for longer than a round takes
    after = settle_down(site)
    assert moved(before, after), "the new node got nothing"
    assert {node for stream, (node, _) in after.items() if stream in moved(before, after)} == {"node-4"}
    assert begun_again(before, after) == moved(before, after)


def test_sigterm_hands_over(site: Site) -> None:
    before = site.cluster.wait(site.live, PATIENCE_S, "12 live cameras")
    theirs = {stream for stream, (node, _) in before.items() if node == "node-4"}
    began_s = time.monotonic()
    code, seconds = site.cluster.end("node-4")
    assert code == 0
    assert seconds < 10
    site.cluster.wait(site.live, PATIENCE_S, "new nodes for the cameras of the one that ended")
    after = settle_down(site)
    assert moved(before, after) == theirs
    assert begun_again(before, after) == theirs
    gaps = site.results.gaps(began_s, theirs)
    say(f"SIGTERM: the gap of each camera {sorted(round(gap, 1) for gap in gaps.values())} s, ended in {seconds:.1f} s")
    assert max(gaps.values()) < GAP_S, f"not all ran on until another node had them: {gaps}"


def test_a_node_that_slept_too_long_publishes_nothing_and_leaves_its_cameras(site: Site) -> None:
    before = site.cluster.wait(site.live, PATIENCE_S, "12 live cameras")
    sleeper = "node-2"
    theirs = {stream for stream, (node, _) in before.items() if node == sleeper}
    assert theirs
    process = site.cluster.processes[sleeper]
    began_s = time.monotonic()
    os.kill(process.pid, signal.SIGSTOP)
    try:

        def taken_over() -> bool:
            new = {seen.stream for seen in site.results.since(began_s) if seen.node != sleeper}
            return theirs <= new

        site.cluster.wait(taken_over, PATIENCE_S, "results of the sleeper's cameras from other nodes")
        say(f"SIGSTOP: all {len(theirs)} cameras elsewhere after {time.monotonic() - began_s:.1f} s")
    finally:
        woken_s, woken_at_s = time.monotonic(), time.time()
        os.kill(process.pid, signal.SIGCONT)
    site.cluster.wait(lambda: settled_without_doubles(site), PATIENCE_S, "one node for each camera")
    old = {session for stream, (_, session) in before.items() if stream in theirs}
    late = [seen for seen in site.results.since(woken_s) if seen.session in old]
    # what lay in the socket or the spool when it fell asleep is of before; what counts are pictures of after
    assert not [seen for seen in late if seen.captured_at_s > woken_at_s + 1.0], late
    say(f"SIGCONT: {len(late)} results of the old sessions, {[round(s.captured_at_s - woken_at_s, 1) for s in late]}")


def shared_by_all(site: Site) -> bool:
    """Whether all cameras are live and every node has some."""
    return {node for node, _ in (site.live() or {}).values()} == set(site.cluster.nodes)


def settled_without_doubles(site: Site) -> bool:
    return bool(site.live() and site.each_once())


def test_a_killed_nodes_cameras_live_elsewhere(site: Site) -> None:
    # the node that slept joins again, and cameras move to it: what moves after that is the kill's doing
    site.cluster.wait(lambda: shared_by_all(site), PATIENCE_S, "camera on every node")
    broker, others = site.cluster.broker.address, {"node-1", "node-2"}
    with Eviction(broker, "livesight.streams", SESSION_S, HEARTBEAT_S) as eviction:
        before = settle_down(site)
        theirs = {stream for stream, (node, _) in before.items() if node == "node-3"}
        eviction.silence()
        began_s, began_at_s = time.monotonic(), time.time()
        site.cluster.kill("node-3")
        stream = min(theirs)
        with pytest.raises(AssertionError, match=r"503 .*node-away"):
            ask(f"{site.cluster.api.url}/v1/streams/{stream}/snapshot.jpg")

        def taken_over() -> bool:
            return theirs <= {seen.stream for seen in site.results.since(began_s) if seen.node in others}

        site.cluster.wait(taken_over, PATIENCE_S, "results of the killed node's cameras")
        taken_s = time.monotonic() - began_s
        evicted_s = eviction.seconds()
    given_s = given_at_s(site, others) - began_at_s
    say(f"kill -9: all {len(theirs)} cameras live elsewhere after {taken_s:.1f} s; the broker gave the last of them")
    say(f"after {given_s:.1f} s, and those of a plain consumer to another after {evicted_s:.1f} s")
    assert taken_s < evicted_s + AFTER_EVICTION_S
    after = site.cluster.wait(site.live, PATIENCE_S, "12 live cameras on two nodes")
    assert begun_again(before, after) == theirs
    assert site.cluster.wait(site.each_once, PATIENCE_S, "camera on exactly one node")


def given_at_s(site: Site, names: set[str]) -> float:
    """When the group gave one of these nodes partitions for the last time, time.time(), as they log it."""
    lines = [
        line for name in names for line in site.cluster.nodes[name].log(10**7).splitlines() if line.startswith("{")
    ]
    told = [entry["timestamp"] for entry in map(json.loads, lines) if entry["event"] == "partitions_gained"]
    return datetime.fromisoformat(max(told)).timestamp()


def test_wishes_outlive_the_loss_of_all_that_the_broker_had(site: Site) -> None:
    site.cluster.broker.kill()
    refused = pytest.raises(AssertionError, match=r"503 .*bus-unavailable")
    with refused:
        site.cluster.add("late", site.url)
    site.cluster.broker.start()
    began_s = time.monotonic()
    site.cluster.wait(lambda: wished(site) >= set(site.cameras), PATIENCE_S, "wishes in the new broker")
    site.cluster.wait(lambda: not problems(site), PATIENCE_S, "readiness without reasons")
    back_s = time.monotonic()
    say(f"empty broker: wishes are there again and nobody complains after {back_s - began_s:.1f} s")

    def published() -> bool:
        return {seen.stream for seen in site.results.since(back_s)} >= set(site.cameras)

    site.cluster.wait(published, PATIENCE_S, "results of all cameras in the new broker")
    say(f"empty broker: results of all cameras {time.monotonic() - back_s:.1f} s later")
    assert site.cluster.wait(site.live, PATIENCE_S, "12 live cameras again")
    assert site.cluster.wait(site.each_once, PATIENCE_S, "camera on exactly one node")


def wished(site: Site) -> set[str]:
    """The streams that the broker has wishes for."""
    return {record.key for record in site.cluster.broker.read("livesight.streams", 10_000, 5) if record.value}


def problems(site: Site) -> list[str]:
    return [reason for process in site.cluster.processes.values() for reason in process.get_json("/readyz")["reasons"]]


def test_a_tombstone_ends_a_stream_everywhere(site: Site) -> None:
    gone = site.cameras.pop()
    ask(f"{site.cluster.api.url}/v1/streams/{gone}", "DELETE")
    site.cluster.wait(lambda: site.each_once() and site.live(), PATIENCE_S, "eleven cameras")
    site.cluster.wait(lambda: gone not in site.cluster.streams(), PATIENCE_S, "a list without the removed stream")
    with pytest.raises(AssertionError, match=r"404 .*stream-unknown"):
        ask(f"{site.cluster.api.url}/v1/streams/{gone}/snapshot.jpg")


def settle_down(site: Site, quiet_s: float = 8.0) -> dict[str, Place]:
    """Wait until all cameras have run where they are for `quiet_s`."""
    found: list[tuple[dict[str, Place], float]] = []

    def quiet() -> dict[str, Place] | None:
        now = site.live()
        if now is None:
            found.clear()
        elif not found or found[-1][0] != now:
            found.append((now, time.monotonic()))
        elif time.monotonic() - found[-1][1] > quiet_s:
            return now
        return None

    settled: dict[str, Place] = site.cluster.wait(quiet, PATIENCE_S, "quiet after the move")
    return settled
