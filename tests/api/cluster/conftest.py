"""An api process that knows other processes, one of which is a recorder that answers as a hostile node would."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import HTTPConnection

from api.app import create_app, forward
from api.auth.access_control import AccessControl
from api.auth.settings import AuthSettings
from api.settings import ApiSettings
from stream.config import StreamConfig, StreamSettings
from tests.peers.ports import free_port
from tests.peers.recording_node import RecordingNode
from workers.access.cluster_keys import ClusterKeys
from workers.access.principal import Grant, Principal
from workers.bus.message_bus import LocalBus
from workers.cluster.cluster import Cluster, Member
from workers.cluster.settings import ClusterSettings
from workers.cluster.status import MONITOR_PREFIX, NODE_PREFIX, MonitorStatus, NodeStatus, StreamStatus
from workers.cluster.trust import LOOPBACK, ClusterTrust
from workers.errors import Unauthenticated
from workers.kafka.settings import KafkaSettings
from workers.model_card import ModelStore
from workers.node.node import Node
from workers.node.stream_view import configured
from workers.settings import NodeSettings, WorkerSettings

SECRET = "secret-0123456789-0123456789-abcdef"
PEOPLE = {
    "anna": Principal("user:anna", "user", (Grant("viewer", ("door",)),), "session:1"),
    "otto": Principal("user:otto", "user", (Grant("operator", ("door", "yard")),), "session:2"),
}


class Badges:
    """A CredentialReader for tests of what comes after: `X-API-Key: anna` is Anna."""

    async def read(self, connection: HTTPConnection) -> Principal | None:
        """See CredentialReader."""
        name = connection.headers.get("x-api-key")
        if name is None:
            return None
        if name not in PEOPLE:
            raise Unauthenticated("this key is not known")
        return PEOPLE[name]


@pytest.fixture
def recorder() -> Iterator[RecordingNode]:
    """On loopback."""
    with RecordingNode() as found:
        yield found


@dataclass
class Front:
    """An api process. `client` reaches it without a socket; `cluster.board` says where the streams are."""

    cluster: Cluster
    client: httpx.AsyncClient
    app: Any

    def tell(self, stream_id: str, address: str, node: str = "node-1") -> None:
        """Have the board say that `node`, at that address, runs a stream and takes pushes."""
        view = configured(StreamConfig(id=stream_id, url="rtsp://camera/"), node, "live", None)
        self.cluster.board.apply(stream_id, StreamStatus.of(view, address).to_json())
        alive = NodeStatus(node=node, address=address, leasing=True, streams=1)
        self.cluster.board.apply(NODE_PREFIX + node, alive.to_json())

    def tell_monitor(self, address: str) -> None:
        """Have it say that a monitor works there."""
        value = MonitorStatus(monitor="monitor-1", address=address).to_json()
        self.cluster.board.apply(MONITOR_PREFIX + "monitor-1", value)


def front(trust: ClusterTrust, access: AccessControl | None, state_dir: Path) -> Front:
    """An api process with that trust; its broker is away."""
    kafka = KafkaSettings(bootstrap_servers=(f"127.0.0.1:{free_port()}",), connect_timeout_s=0.5)
    member = Member("api-1", "http://127.0.0.1:1", None)
    cluster = Cluster(kafka, ClusterSettings(away_s=600), member, trust)
    bus = LocalBus()
    node = Node(NodeSettings("api-1", WorkerSettings(), StreamSettings(), state_dir), ModelStore([]), bus)
    app = create_app(node, bus, ApiSettings(), ("api",), cluster, access=access)
    forward(app, ("/v1/events", "/v1/report"))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")
    return Front(cluster, client, app)


@pytest.fixture
async def api(tmp_path: Path, recorder: RecordingNode) -> AsyncIterator[Front]:
    """With accounts and a secret; the recorder is node-1 and runs `door` and `yard`."""
    trust = ClusterTrust(ClusterKeys([SECRET]), LOOPBACK, unsigned=False)
    access = AccessControl(AuthSettings(mode="accounts"), tmp_path, roles=())
    access.readers.insert(0, Badges())
    made = front(trust, access, tmp_path)
    made.tell("door", recorder.url)
    made.tell("yard", recorder.url)
    yield made
    await made.client.aclose()
    await made.app.state.node_client.aclose()
    made.cluster.close(2)


@pytest.fixture
async def plain_api(tmp_path: Path, recorder: RecordingNode) -> AsyncIterator[Front]:
    """In mode none on loopback, without a secret."""
    made = front(ClusterTrust(networks=LOOPBACK), None, tmp_path)
    made.tell("door", recorder.url)
    yield made
    await made.client.aclose()
    await made.app.state.node_client.aclose()
    made.cluster.close(2)
