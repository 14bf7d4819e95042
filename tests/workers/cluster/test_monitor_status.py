"""Which process's monitor works, as the others know it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.peers.ports import free_port
from workers.cluster.cluster import Cluster, Member
from workers.cluster.settings import ClusterSettings
from workers.cluster.status import MONITOR_PREFIX, MonitorStatus
from workers.kafka.settings import KafkaSettings


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A process whose broker is away: what it says itself it knows all the same."""
    kafka = KafkaSettings(bootstrap_servers=(f"127.0.0.1:{free_port()}",), connect_timeout_s=0.5)
    settings = ClusterSettings(status_s=0.3, away_s=1.0)
    made = Cluster(kafka, settings, Member("one", "http://one:8000", None))
    yield made
    made.close(5)


def wait(found: Callable[[], bool]) -> None:
    """Until it is so."""
    deadline_s = time.monotonic() + 30
    while not found():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_a_monitor_is_known_while_it_works(cluster: Cluster) -> None:
    works = True
    cluster.announce_monitor(lambda: works)
    wait(lambda: [one.address for one in cluster.board.monitors()] == ["http://one:8000"])
    works = False
    wait(lambda: cluster.board.monitors() == [])
    assert not any("works too" in problem for problem in cluster.problems())


def test_two_monitors_that_work_at_once_are_a_problem(cluster: Cluster) -> None:
    """Each has a database of its own then, and each tells its alerts."""
    cluster.announce_monitor(lambda: True)
    other = MonitorStatus(monitor="two", address="http://two:8000")

    def told() -> bool:
        cluster.board.apply(MONITOR_PREFIX + "two", other.to_json())
        return any("two works too" in problem for problem in cluster.problems())

    wait(told)
    wait(lambda: not any("two works too" in problem for problem in cluster.problems()))
    assert "two" not in [one.monitor for one in cluster.board.monitors(0.1)]


def test_what_a_later_version_says_of_monitors_is_as_good_as_nothing(cluster: Cluster) -> None:
    cluster.board.apply(MONITOR_PREFIX + "new", b'{"schema": "livesight.monitor/2"}')
    assert cluster.board.monitors() == []
    assert cluster.board.streams() == {}
