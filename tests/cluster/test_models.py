"""A promotion on one node reaches every node that has the version. Real processes, a real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import pytest

from tests.peers.cluster import LocalCluster
from tests.peers.colour_models import coloured, write_square_model
from tests.peers.livesight_process import LivesightProcess

pytestmark = pytest.mark.timeout(600)
PATIENCE_S = 150.0
WAITS = {"prefer": "wait=120"}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    """Three nodes that serve `squares` 1; the first two have version 2 as well."""
    write_square_model(tmp_path / "own")
    prepared = LocalCluster(nodes=3, apis=0, settings={"WORKERS__MODELS_DIR": str(tmp_path / "own")})
    for name in ("node-1", "node-2"):
        write_square_model(prepared.state_dir(name) / "models", 2)
    with prepared as running:
        yield running


def version(node: LivesightProcess) -> int:
    """What the node computes a picture with now."""
    red = coloured("red", (100, 100, 228, 228), (640, 384)).to_ndarray(format="bgr24")
    png = cv2.imencode(".png", red)[1].tobytes()
    answer = httpx.post(f"{node.url}/v1/predict?models=squares", content=png, timeout=PATIENCE_S)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["models"]["squares"])


def test_a_promotion_reaches_the_nodes_that_have_the_version(cluster: LocalCluster) -> None:
    nodes = cluster.nodes
    assert {name: version(node) for name, node in nodes.items()} == dict.fromkeys(nodes, 1)
    promoted = httpx.post(
        f"{nodes['node-1'].url}/v1/models/squares/promote", json={"version": 2}, headers=WAITS, timeout=PATIENCE_S
    )
    assert promoted.status_code == 200, promoted.text
    cluster.wait(lambda: version(nodes["node-2"]) == 2, PATIENCE_S, "version 2 on the other node")

    def told() -> bool:
        reasons = nodes["node-3"].get_json("/readyz")["reasons"]
        return any("squares: version 2 was promoted on node-1 but is not on this node" in reason for reason in reasons)

    cluster.wait(told, PATIENCE_S, "the node without the version to say so")
    assert version(nodes["node-3"]) == 1

    def listed() -> bool:
        models = nodes["node-3"].get_json("/v1/models")["models"]
        return {one["version"]: one["nodes"] for one in models if one["name"] == "squares"} == {1: ["node-3"]}

    def listed_where_both_are() -> bool:
        models = nodes["node-1"].get_json("/v1/models")["models"]
        found = {one["version"]: one["nodes"] for one in models if one["name"] == "squares"}
        return found == {1: ["node-3"], 2: ["node-1", "node-2"]}

    cluster.wait(listed, PATIENCE_S, "the list of a node that has one version only")
    cluster.wait(listed_where_both_are, PATIENCE_S, "the list to say which node runs which version")
    records = [json.loads(record.value or b"{}") for record in cluster.broker.read("livesight.models", 100, 5)]
    assert [(said["name"], said["version"], said["before"], said["node"]) for said in records] == [
        ("squares", 2, 1, "node-1")
    ], "followers repeat nothing"
    back = httpx.post(f"{nodes['node-2'].url}/v1/models/squares/rollback", headers=WAITS, timeout=PATIENCE_S)
    assert back.json() == {"name": "squares", "version": 1, "before": 2}
    cluster.wait(lambda: version(nodes["node-1"]) == 1, PATIENCE_S, "version 1 again where it began")
    cluster.wait(lambda: not nodes["node-3"].get_json("/readyz")["reasons"], PATIENCE_S, "nothing to complain of")
