"""One cluster for all tests of this folder: starting its processes takes longest. The tests run in the file's order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.cluster import NUMBER_LIVESIGHT, LocalCluster
from tests.peers.results import Results
from tests.peers.rtsp import Mount, RtspServer
from workers.cluster.stream_spec import partition_of

PARTITIONS = 16
CAMERAS = 12
SESSION_S = 12  # on a busy machine a process may get no CPU for seconds
HEARTBEAT_S = 1
PATIENCE_S = 120.0
FPS = 5  # FFmpeg looks at eight pictures before it has opened a camera, whatever it is told: 2.7 s at 3, 1.6 s at 5


def spread(count: int, prefix: str = "cam") -> list[str]:
    """Ids that all lie in partitions of their own: 12 of 16 leave no node of three (with 5 each) without a camera."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < count:
        stream_id = f"{prefix}{number}"
        found.setdefault(partition_of(stream_id, PARTITIONS), stream_id)
        number += 1
    return list(found.values())


class Place(NamedTuple):
    """Where a camera runs. Each start, and each connection after, is a session."""

    node: str
    session: str


@dataclass
class Site:
    """The cluster, its cameras' picture, and what is published."""

    cluster: LocalCluster
    url: str
    results: Results
    cameras: list[str]

    def live(self) -> dict[str, Place] | None:
        """Where each camera runs, once all are live on nodes that live; else None."""
        streams = self.cluster.streams()
        found = {
            name: Place(streams[name]["node"], streams[name]["session"])
            for name in self.cameras
            if name in streams and streams[name]["state"] == "live" and streams[name]["session"]
        }
        whole = len(found) == len(self.cameras)
        return found if whole and {place.node for place in found.values()} <= set(self.cluster.nodes) else None

    def each_once(self) -> dict[str, set[str]] | None:
        """Node → its cameras, as the nodes themselves say, once no camera is missing or doubled; else None."""
        running = {node: up & set(self.cameras) for node, up in self.cluster.running().items()}
        total = sum(len(up) for up in running.values())
        whole = total == len(self.cameras) and set().union(*running.values()) == set(self.cameras)
        return running if whole else None


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Three nodes and an api process with the test engine, a broker, and one RTSP camera that all streams show."""
    clip = make_numbered(tmp_path_factory.mktemp("cluster") / "slow.h264", ClipSpec(frames=60, gop=3))
    settings = {
        "KAFKA__TOPICS__PARTITIONS": str(PARTITIONS),
        "CLUSTER__STATUS_S": "1",
        "CLUSTER__AWAY_S": "8",
        "CLUSTER__REREAD_S": "15",  # a broker that is back at once, empty, is noticed by reading again
        "CLUSTER__SESSION_TIMEOUT_S": str(SESSION_S),
        "CLUSTER__HEARTBEAT_S": str(HEARTBEAT_S),
        "STREAM__EPHEMERAL_S": "2",
        "WORKERS__THREADS": "2",
    }
    with (
        RtspServer({"cam": Mount(clip, fps=FPS)}) as rtsp,
        LocalCluster(nodes=3, apis=1, settings=settings, python=NUMBER_LIVESIGHT) as cluster,
        Results(cluster.broker.address) as results,
    ):
        yield Site(cluster, rtsp.url("cam"), results, spread(CAMERAS))


@pytest.fixture
def stream(site: Site) -> str:
    """A camera that runs on some node."""
    name = site.cameras[0]
    if name not in site.cluster.streams():
        site.cluster.add(name, site.url)
    site.cluster.wait(
        lambda: site.cluster.streams()[name]["state"] == "live" and site.cluster.streams()[name]["analysed"],
        PATIENCE_S,
        "live camera",
    )
    return name
