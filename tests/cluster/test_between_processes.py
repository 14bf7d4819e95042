"""What processes of a cluster believe of each other. Real processes, a real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from kafka import KafkaProducer

from tests.cluster.conftest import PATIENCE_S, Site
from tests.peers.recording_node import RecordingNode
from workers.access.assertion import HEADER, Assertions
from workers.access.cluster_keys import ClusterKeys
from workers.access.principal import LOCAL_ADMIN
from workers.bus.message_bus import STATUS
from workers.cluster.record_signature import RecordSigner
from workers.cluster.status import STATUS_SCHEMA

pytestmark = pytest.mark.timeout(600)

COOKIE = {"cookie": "__Host-livesight=4f1c", "x-api-key": "4f1c", "authorization": "Bearer 4f1c"}


class Forger:
    """Somebody who may write to `livesight.status`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._producer = KafkaProducer(bootstrap_servers=site.cluster.broker.address)

    def record_of(self, stream: str, node: str, address: str, stream_id: str | None = None) -> bytes:
        """What a node at that address would say of a stream that lives."""
        view: dict[str, Any] = {**self._site.cluster.streams()[stream], "id": stream_id or stream, "node": node}
        known = {"stream_id": view["id"], "node": node, "address": address, "stream": view}
        rest = {name: view[name] for name in ("state", "fps", "last_error", "session")}
        return json.dumps({"schema": STATUS_SCHEMA, **known, **rest}).encode()

    def send(self, key: str, value: bytes | None, *headers: tuple[str, bytes]) -> None:
        """As the record of that key."""
        self._producer.send(STATUS, key=key.encode(), value=value, headers=list(headers)).get(20)

    def close(self) -> None:
        """Ends its thread."""
        self._producer.close()


@pytest.fixture
def forger(site: Site) -> Iterator[Forger]:
    """At the site's broker."""
    made = Forger(site)
    yield made
    made.close()


def test_a_forged_status_gets_no_request_and_answers_none(site: Site, stream: str, forger: Forger) -> None:
    path = f"{site.cluster.api.url}/v1/streams/{stream}/snapshot.jpg"
    with RecordingNode() as recorder, httpx.Client(timeout=30, headers=COOKIE) as viewer:
        forged = forger.record_of(stream, "node-1", recorder.url)

        def seen() -> bool:
            forger.send(stream, forged)
            forger.send("_monitor.forged", None)
            answer = viewer.get(path)
            assert recorder.asked == [], "the viewer's request, cookie and all, was sent to the forger"
            assert answer.headers["x-livesight-session"] == site.cluster.streams()[stream]["session"]
            reasons = site.cluster.api.get_json("/readyz")["reasons"]
            return any(f"the record of {stream}" in reason and "not signed" in reason for reason in reasons)

        site.cluster.wait(seen, PATIENCE_S, "readiness that tells of the forged record")
    assert site.cluster.api.metric("livesight_status_refused_total") >= 1


def test_another_process_is_told_who_asks_and_gets_no_credential(site: Site, stream: str, forger: Forger) -> None:
    """The recorder is of the cluster here: its record is signed."""
    keys = ClusterKeys([site.cluster.secret])
    signer = RecordSigner(keys, "recorder")
    path = "/v1/streams/elsewhere/snapshot.jpg?overlay=1"
    with RecordingNode() as recorder, httpx.Client(timeout=30, headers=COOKIE) as viewer:
        value = forger.record_of(stream, "recorder", recorder.url, "elsewhere")

        def forwarded() -> bool:
            forger.send("elsewhere", value, signer.header(STATUS, "elsewhere", value))
            return viewer.get(site.cluster.api.url + path).content == recorder.body

        site.cluster.wait(forwarded, PATIENCE_S, "an answer of the recorder")
        method, asked, headers = recorder.asked[-1]
    assert (method, asked) == ("GET", path)
    said = Assertions(keys, "recorder").read(headers[HEADER], method, asked)
    assert (said.principal, said.process) == (LOCAL_ADMIN, "api-1")
    assert "4f1c" not in str(headers)
    assert not {"cookie", "authorization", "x-api-key"} & headers.keys()


def test_a_node_refuses_an_assertion_that_is_not_for_it(site: Site, stream: str) -> None:
    node = site.cluster.nodes[site.cluster.streams()[stream]["node"]]
    path = f"/v1/streams/{stream}/snapshot.jpg"
    writer = Assertions(ClusterKeys([site.cluster.secret]), "api-1")
    good = writer.headers(LOCAL_ADMIN, site.cluster.streams()[stream]["node"], "GET", path)
    assert httpx.get(node.url + path, headers=good, timeout=30).status_code == 200
    again = httpx.get(node.url + path, headers=good, timeout=30)
    assert (again.status_code, "used before" in again.json()["detail"]) == (401, True)
    for headers in (
        writer.headers(LOCAL_ADMIN, "another", "GET", path),
        Assertions(ClusterKeys(["x0123456789" * 4]), "api-1").headers(LOCAL_ADMIN, "node-1", "GET", path),
        {HEADER: "x"},
    ):
        assert httpx.get(node.url + path, headers=headers, timeout=30).status_code == 401
