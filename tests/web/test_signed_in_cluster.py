"""People and keys where three nodes, the api and the monitor are processes of their own, in a real browser.

One cluster for the file, as `deployment/local-cluster --accounts --models none` starts it.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from tests.api.test_page import live, until
from tests.peers.chromium import camera_file, chromium
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.cluster import NUMBER_LIVESIGHT, LocalCluster
from tests.peers.rtsp import Mount, RtspServer
from tests.web.test_accounts import PASSWORD, sign_in
from tests.web.test_signed_in import ENDS_S, PUSH, picture
from workers.cluster.stream_spec import partition_of

pytestmark = pytest.mark.timeout(600)

SECOND = 1000.0
CAMERAS = tuple(
    {partition_of(name, 3): name for name in ("gate", "hall", "yard", "attic", "cellar", "shed", "roof")}.values()
)
"""One for each partition, and each node has one partition."""

GATE, HALL, _ = CAMERAS
PATIENCE_S = 120.0


@dataclass
class Site:
    """The cluster; who manages it; the clip that its cameras show."""

    cluster: LocalCluster
    admin: httpx.Client

    @property
    def url(self) -> str:
        return self.cluster.api.url

    def state(self, stream_id: str) -> str:
        answer = self.admin.get(f"/v1/streams/{stream_id}")
        return "gone" if answer.status_code == 404 else str(answer.raise_for_status().json()["state"])

    def add_user(self, name: str, role: str, *streams: str) -> None:
        grants = [{"role": role, "streams": list(streams or ("*",))}]
        self.admin.post("/v1/users", json={"name": name, "password": PASSWORD, "grants": grants}).raise_for_status()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    clip = make_numbered(tmp_path_factory.mktemp("cluster") / "clip.h264", ClipSpec(frames=60, fps=5, gop=5))
    settings = {
        "WORKERS__THREADS": "2",
        "STREAM__EPHEMERAL_S": "2",
        "CLUSTER__STATUS_S": "1",
        "KAFKA__TOPICS__PARTITIONS": "3",
    }
    with (
        RtspServer({"cam": Mount(clip, fps=5)}) as rtsp,
        LocalCluster(3, 1, settings, NUMBER_LIVESIGHT, accounts=True) as cluster,
        httpx.Client(base_url=cluster.api.url, headers={"x-api-key": cluster.key}, timeout=30) as admin,
    ):
        for name in CAMERAS:
            cluster.add(name, rtsp.url("cam"))

        def spread() -> bool:
            found = cluster.streams()
            return {found[name]["state"] for name in CAMERAS} == {"live"} and len(nodes_of(found)) == 3

        cluster.wait(spread, PATIENCE_S, "a camera on each node")
        yield Site(cluster, admin)


def nodes_of(streams: dict[str, dict[str, object]]) -> set[object]:
    return {streams[name]["node"] for name in CAMERAS}


async def test_pictures_and_pushes_of_all_nodes_end_with_the_session(site: Site, tmp_path: Path) -> None:
    """What the api process passes on of the nodes, and media that goes to a node without it."""
    site.add_user("Olga", "operator")
    camera = await asyncio.to_thread(camera_file, tmp_path)
    async with chromium(camera) as browser:
        tab = await browser.new_context(viewport={"width": 1280, "height": 800})
        page, deaf = await tab.new_page(), await tab.new_page()
        await page.goto(site.url)
        await sign_in(page, "Olga", PASSWORD)
        for name in CAMERAS:
            view = (await live(page, name)).locator("livesight-view")
            before = await view.get_attribute("data-pts-us") or ""
            await expect(view).not_to_have_attribute("data-pts-us", before, timeout=30 * SECOND)
        await picture(page, "cluster-wall")
        await page.goto(f"{site.url}/#/events")
        await expect(page.locator("#events-list .event").first).to_be_visible(timeout=60 * SECOND)
        await page.goto(f"{site.url}/#/")
        await deaf.goto(f"{site.url}/static/icon.svg")
        await deaf.evaluate(PUSH, "deaf")
        await until(lambda: site.state("deaf") == "live", PATIENCE_S)

        await page.bring_to_front()
        async with httpx.AsyncClient(base_url=site.url, timeout=30) as elsewhere:
            body = {"name": "olga", "password": PASSWORD}
            (await elsewhere.post("/v1/login", json=body)).raise_for_status()
            assert (await elsewhere.post("/v1/logout", json={"everywhere": True})).status_code == 204
        out_s = time.monotonic()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=ENDS_S * SECOND)
        assert await page.locator("livesight-view").count() == 0
        await until(lambda: site.state("deaf") in ("ended", "gone"), ENDS_S)
        assert time.monotonic() - out_s < ENDS_S
        assert all(site.state(name) == "live" for name in CAMERAS)


async def test_a_viewer_of_one_camera_sees_that_one(site: Site) -> None:
    site.add_user("Vic", "viewer", GATE)
    async with chromium() as browser:
        tab = await browser.new_context(viewport={"width": 1280, "height": 800})
        answer = await tab.request.post(f"{site.url}/v1/login", data={"name": "vic", "password": PASSWORD})
        assert answer.status == 200
        page = await tab.new_page()
        await page.goto(site.url)
        await live(page, GATE)
        await expect(page.locator(".tile")).to_have_count(1)
        for path in (f"/v1/streams/{HALL}/snapshot.jpg", "/v1/streams/none/snapshot.jpg"):
            assert (await tab.request.get(site.url + path)).status == 404
        events = await (await tab.request.get(f"{site.url}/v1/events?limit=100")).json()
        assert {event["stream_id"] for event in events["events"]} <= {GATE}


def test_curl_with_a_key_reaches_every_node_and_none_without(site: Site, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl not installed")

    def curl(url: str, *options: str) -> str:
        command = ["curl", "-sS", "-w", "%{http_code}", "-o", str(tmp_path / "answer"), *options, url]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    grants = [{"role": "viewer"}]
    shop = site.admin.post("/v1/service-accounts", json={"name": "shop", "grants": grants}).raise_for_status().json()
    made = site.admin.post(f"/v1/service-accounts/{shop['id']}/keys", json={"name": "curl"}).raise_for_status().json()
    bearer = ("-H", f"Authorization: Bearer {made['key']}")
    for name in CAMERAS:
        assert curl(f"{site.url}/v1/streams/{name}/snapshot.jpg", *bearer) == "200"
        assert (tmp_path / "answer").read_bytes().startswith(b"\xff\xd8")
        assert curl(f"{site.url}/v1/streams/{name}/snapshot.jpg") == "401"
    for name, process in site.cluster.nodes.items():  # they know the keys of their own list only
        assert curl(f"{process.url}/metrics", *bearer) == "401", name
        assert json.loads((tmp_path / "answer").read_bytes())["type"] == "urn:livesight:problem:unauthenticated"
        assert curl(f"{process.url}/metrics", "-H", f"X-API-Key: {site.cluster.key}") == "200", name
