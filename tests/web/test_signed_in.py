"""With accounts, in a real browser and with real clients: every page as an admin and as a viewer of one camera, the own
camera, links in players and foreign pages, curl, Prometheus; and what ends when somebody may no longer see.
"""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.api.auth.test_users_command import livesight
from tests.api.test_page import Witness, live, samples_of, share_of_edges, until
from tests.peers.chromium import camera_file, chromium, until_true
from tests.peers.livesight_process import ROOT, LivesightProcess
from tests.peers.ports import free_port
from tests.peers.prometheus import Prometheus
from tests.web.test_accounts import PASSWORD, sign_in
from tests.web.test_pages import artifact

pytestmark = pytest.mark.timeout(600)

SECOND = 1000.0
ENDS_S = 30.0
"""Within that the pictures end of those who may no longer see them."""

PAGES = {
    "cameras": "#camera-list .camera",
    "events": "#events-list .event img",
    "alerts": ".alert",
    "monitoring": "#performance-rows tr",
    "health": "#node-rows tr",
    "models": "#model-list .model",
}
PUSH = """async (stream) => {
  const media = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
  window.peer = new RTCPeerConnection();
  peer.addTransceiver(media.getVideoTracks()[0], { direction: "sendonly" });
  await peer.setLocalDescription();
  await new Promise((done) => setInterval(() => peer.iceGatheringState === "complete" && done(), 20));
  const answer = await fetch(`/v1/streams/${stream}/whip`,
    { method: "POST", headers: { "content-type": "application/sdp" }, body: peer.localDescription.sdp });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
}"""


async def picture(page: Page, name: str) -> None:
    if path := artifact(f"{name}.png"):
        await page.screenshot(path=path)


@dataclass
class Accounts:
    """A running service, its admin's client, and the key that reads metrics."""

    process: LivesightProcess
    admin: httpx.Client
    metrics_key: str

    @property
    def url(self) -> str:
        return self.process.url

    def state(self, stream_id: str) -> str:
        answer = self.admin.get(f"/v1/streams/{stream_id}")
        return "gone" if answer.status_code == 404 else str(answer.raise_for_status().json()["state"])

    def add_user(self, name: str, role: str, *streams: str) -> str:
        """Its id."""
        grants = [{"role": role, "streams": list(streams or ("*",))}]
        answer = self.admin.post("/v1/users", json={"name": name, "password": PASSWORD, "grants": grants})
        return str(answer.raise_for_status().json()["id"])

    @contextmanager
    def signed_in(self, name: str) -> Iterator[httpx.Client]:
        """Another browser, as far as cookies go."""
        with httpx.Client(base_url=self.url, timeout=30) as client:
            client.post("/v1/login", json={"name": name, "password": PASSWORD}).raise_for_status()
            yield client


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    """Two cameras with faces, and an alert of each; the first account and a key are made by the commands."""
    folder = tmp_path_factory.mktemp("signed-in")
    livesight(folder, "users", "add", "Ada", "--grant", "admin", "--password-stdin", stdin=PASSWORD).check_returncode()
    added = livesight(folder, "keys", "add", "prometheus", "--role", "metrics", "--json")
    assert added.returncode == 0, added.stderr
    rule = {"name": "somebody", "when": {"type": "count", "above": 0, "for_s": 0.5}, "clip": False}
    settings = {
        "AUTH__MODE": "accounts",
        "AUTH__LIMITS__LOGIN": "unlimited",
        "STREAMS": json.dumps([{"id": name, "url": "demo:", "max_fps": 5} for name in ("yard", "hall")]),
        "MONITORING__RULES": json.dumps([rule]),
    }
    with LivesightProcess((), settings, state_dir=folder) as process:
        with httpx.Client(base_url=process.url, timeout=30) as admin:
            admin.post("/v1/login", json={"name": "ada", "password": PASSWORD}).raise_for_status()
            yield Accounts(process, admin, json.loads(added.stdout)["key"])


@asynccontextmanager
async def opened(
    browser: Browser, service: Accounts, name: str, path: str = "/", **context: Any
) -> AsyncIterator[tuple[Page, Witness]]:
    """A page of somebody who has signed in; when it is left it may not have complained."""
    witness = Witness(urlsplit(service.url).netloc)
    tab = await browser.new_context(viewport={"width": 1280, "height": 800}, **context)
    answer = await tab.request.post(f"{service.url}/v1/login", data={"name": name, "password": PASSWORD})
    assert answer.status == 200
    page = await tab.new_page()
    witness.watch(page)
    await page.goto(service.url + path)
    yield page, witness
    await tab.close()
    assert witness.complaints == []
    assert witness.foreign == []


async def test_an_admin_signs_in_and_uses_every_page(service: Accounts) -> None:
    async with chromium() as browser:
        tab = await browser.new_context(viewport={"width": 1280, "height": 800})
        page = await tab.new_page()
        await page.goto(service.url)
        await sign_in(page, "Ada", PASSWORD)
        for stream in ("yard", "hall"):
            await live(page, stream)
        samples = await samples_of(page, "yard", 12)
        assert len({sample["png"] for sample in samples}) > 8, "the picture moves"
        assert share_of_edges([sample for sample in samples if sample["result"]["detections"]]) > 0.8
        await picture(page, "signed-in-wall")
        witness = Witness(urlsplit(service.url).netloc)
        witness.watch(page)
        for name, full in PAGES.items():
            await page.goto(f"{service.url}/#/{name}")
            await expect(page.locator(full).first).to_be_visible(timeout=60 * SECOND)
            await picture(page, f"signed-in-{name}")
        await page.goto(f"{service.url}/#/health")
        await expect(page.locator("#chart-latency canvas")).to_be_visible()
        await one_camera_added_changed_and_removed(page, service)
        assert witness.complaints == []


async def one_camera_added_changed_and_removed(page: Page, service: Accounts) -> None:
    url = f"rtsp://127.0.0.1:{free_port()}/attic"
    await page.goto(f"{service.url}/#/cameras")
    await page.get_by_role("button", name="Add a camera").first.click()
    form = page.locator("#add-dialog")
    await form.get_by_label("URL").fill(url)
    await form.locator("[name=id]").fill("attic")
    await form.get_by_role("button", name="Add camera").click()
    card = page.locator('.camera[data-stream="attic"]')
    await expect(card).to_be_visible()
    await card.get_by_role("button", name="Edit").click()
    await form.get_by_label("Maximum frames per second").fill("2.5")
    await page.get_by_role("button", name="Save changes").click()
    await expect(card).to_contain_text("limit 2.5")
    await card.get_by_role("button", name="Remove").click()
    await page.locator("#confirm-dialog").get_by_role("button", name="Remove").click()
    await expect(card).to_have_count(0)
    await until(lambda: service.state("attic") == "gone")


async def test_a_viewer_of_one_camera_sees_just_that_one(service: Accounts) -> None:
    """Everywhere; what is refused gives neither an error on the page nor a line in the console."""
    service.add_user("Vic", "viewer", "yard")
    async with chromium() as browser, opened(browser, service, "Vic") as (page, witness):
        await live(page, "yard")
        toasts = await page.evaluate_handle(
            """() => { const said = []; new MutationObserver((changes) => changes.forEach(({ addedNodes }) =>
            addedNodes.forEach((node) => said.push(node.textContent)))).observe(
            document.getElementById("toasts"), { childList: true }); return said; }"""
        )
        await expect(page.locator(".tile")).to_have_count(1)
        await picture(page, "viewer-wall")
        for name, full in PAGES.items():
            await page.goto(f"{service.url}/#/{name}")
            await expect(page.locator(full).first).to_be_visible(timeout=60 * SECOND)
            shown = await page.locator(f'[data-page="{name}"]').inner_text()
            assert "hall" not in shown and "could not be loaded" not in shown, name
            await picture(page, f"viewer-{name}")
        await page.goto(f"{service.url}/#/health")
        await expect(page.locator("#chart-latency")).to_be_hidden()  # drawn from /metrics, which viewers do not read
        said = await toasts.json_value()
        assert [words for words in said if "hall" in words or "failed" in words or "could not" in words] == []
        hall = [path for _, path in witness.requests if "/hall/" in path]
        assert hall == []


async def test_logging_out_elsewhere_ends_pictures_and_pushes(service: Accounts, tmp_path: Path) -> None:
    """The own camera by the page, and one by a page that does not notice: the server ends both."""
    service.add_user("Olga", "operator")
    camera = await asyncio.to_thread(camera_file, tmp_path)
    async with chromium(camera) as browser:
        tab = await browser.new_context(viewport={"width": 1280, "height": 800})
        await tab.request.post(f"{service.url}/v1/login", data={"name": "olga", "password": PASSWORD})
        page, deaf = await tab.new_page(), await tab.new_page()
        await page.goto(service.url)
        await live(page, "hall")
        await page.get_by_role("button", name="Use my camera").first.click()
        await page.get_by_role("button", name="Start").click(timeout=15 * SECOND)
        own = page.locator(".tile.own")
        await expect(own).to_have_attribute("data-state", "live", timeout=30 * SECOND)
        stream = await own.get_attribute("data-stream") or ""
        await deaf.goto(f"{service.url}/static/icon.svg")
        await deaf.evaluate(PUSH, "deaf")
        await until(lambda: service.state("deaf") == "live", 30)
        await page.bring_to_front()
        await picture(page, "operator-own-camera")

        with service.signed_in("olga") as elsewhere:
            assert elsewhere.post("/v1/logout", json={"everywhere": True}).status_code == 204
        async with asyncio.timeout(ENDS_S):
            await until(lambda: service.state("deaf") in ("ended", "gone"), ENDS_S)
            await until(lambda: service.state(stream) in ("ended", "gone"), ENDS_S)
            await expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=ENDS_S * SECOND)
        assert await page.locator("livesight-view").count() == 0


@contextmanager
def foreign_page(html: str) -> Iterator[str]:
    """A page of another site: localhost is not 127.0.0.1."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = html.encode() if self.path == "/" else b""
            self.send_response(200 if body else 404)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="foreign-page")
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def curl(url: str, output: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The real one, writing as it reads."""
    if shutil.which("curl") is None:
        pytest.skip("curl not installed")
    process = subprocess.Popen(["curl", "-sS", "-N", "-o", str(output), *options, url])
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


async def test_a_signed_mjpeg_plays_elsewhere_until_its_issuer_is_disabled(service: Accounts, tmp_path: Path) -> None:
    """In an <img> of another site, and in a client without any header."""
    ida = service.add_user("Ida", "viewer", "yard")
    with service.signed_in("ida") as client:
        link = client.post("/v1/links", json={"path": "/v1/streams/yard/mjpeg"})
    url = service.url + link.raise_for_status().json()["url"]
    read = tmp_path / "mjpeg"
    with foreign_page(f'<!doctype html><title>A shop</title><img src="{url}">') as page_url, curl(url, read) as reading:
        async with chromium() as browser:
            page = await browser.new_page()
            await page.goto(page_url, wait_until="commit")
            await until_true(page, "document.images[0]?.naturalWidth > 0")
            await until(lambda: read.exists() and read.read_bytes().count(b"\xff\xd8\xff") >= 3, 30)
            assert service.admin.patch(f"/v1/users/{ida}", json={"disabled": True}).status_code == 200
            assert await asyncio.to_thread(reading.wait, ENDS_S) == 0
            answer = await page.request.get(url)
            assert answer.status == 401


def test_curl_with_and_without_a_key(service: Accounts, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl not installed")
    grants = [{"role": "viewer", "streams": ["yard"]}]
    shop = service.admin.post("/v1/service-accounts", json={"name": "shop", "grants": grants}).raise_for_status().json()
    made = service.admin.post(f"/v1/service-accounts/{shop['id']}/keys", json={"name": "curl"})
    key = made.raise_for_status().json()["key"]
    for stream, headers, status, kind in (
        ("yard", ("-H", f"X-API-Key: {key}"), 200, None),
        ("yard", ("-H", f"Authorization: Bearer {key}"), 200, None),
        ("hall", ("-H", f"X-API-Key: {key}"), 404, "stream-unknown"),
        ("yard", (), 401, "unauthenticated"),
    ):
        output, url = tmp_path / "answer", f"{service.url}/v1/streams/{stream}/snapshot.jpg"
        command = ["curl", "-sS", "-w", "%{http_code} %{content_type}", "-o", str(output), *headers, url]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        if kind is None:
            assert said == f"{status} image/jpeg" and output.read_bytes().startswith(b"\xff\xd8")
        else:
            assert said == f"{status} application/problem+json"
            assert json.loads(output.read_bytes())["type"] == f"urn:livesight:problem:{kind}"


def test_the_readme_s_curl_runs(service: Accounts, tmp_path: Path) -> None:
    (script,) = re.findall(r"<!-- run with a key -->\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    script = script.replace("http://127.0.0.1:8000", service.url).replace("entrance", "yard")
    grants = [{"role": "viewer", "streams": ["yard"]}]
    made = (
        service.admin.post("/v1/service-accounts", json={"name": "reader", "grants": grants}).raise_for_status().json()
    )
    key = (
        service.admin.post(f"/v1/service-accounts/{made['id']}/keys", json={"name": "one"})
        .raise_for_status()
        .json()["key"]
    )
    done = subprocess.run(
        ["bash", "-ec", script],
        env={**os.environ, "KEY": key},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "yard.jpg").read_bytes().startswith(b"\xff\xd8")
    assert '"yard"' in done.stdout and "hall" not in done.stdout and "sig=" in done.stdout


def test_prometheus_scrapes_with_a_key(service: Accounts, tmp_path: Path) -> None:
    """As deployment/prometheus/compose.yml has it; without the key it gets nothing."""
    key = tmp_path / "key"
    key.write_text(service.metrics_key)
    key.chmod(0o600)
    config, target = ROOT / "deployment" / "prometheus" / "compose.yml", f"127.0.0.1:{service.process.port}"
    with Prometheus(config, [target], key=key) as prometheus:
        prometheus.wait_for("up == 1", bool)
        prometheus.wait_for('livesight_frames_analysed_total{stream="hall"} > 0', bool)
    with Prometheus(config, [target]) as prometheus:
        prometheus.wait_for("up == 0", bool)
    only = httpx.get(f"{service.url}/v1/streams", headers={"x-api-key": service.metrics_key})
    assert only.status_code == 403
