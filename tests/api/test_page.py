"""The live page in a real browser on the real service: what the canvas shows, what is sent, what is left behind."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, WebSocket, expect

from stream.sources.demo_people import load_portrait
from tests.peers.chromium import chromium, until_fits
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.livesight_process import LivesightProcess
from tests.peers.numbers import numbered_image, read_number
from tests.peers.rtsp import Mount, RtspServer

pytestmark = pytest.mark.timeout(240)

Picture = npt.NDArray[np.uint8]
COLOURS = {
    "with_mask": (0x2F, 0xBF, 0x71),
    "without_mask": (0xF0, 0x48, 0x4E),
    "mask_weared_incorrect": (0xF5, 0xA5, 0x24),
}
CLIP = ClipSpec(frames=200, fps=25, size_wh=(640, 360), bit_rate=3_000_000)
NUMBERED_FRAMES = 500  # of the shared clip `numbered_h264`
SECOND = 1000.0
ANALYSED_FPS = 8  # all that these tests need; every frame would take a core as long as they run

# Analysed pictures of a view's canvas with the identity that the view claims for them, and what the socket said.
SAMPLE = """async ({stream, count, patience}) => {
  const results = {};
  const socket = new WebSocket(`ws://${location.host}/v1/detections?stream=${stream}`);
  socket.onmessage = ({data}) => { const r = JSON.parse(data); results[`${r.session}/${r.pts_us}`] = r; };
  const view = document.querySelector(`#tile-${stream} livesight-view`);
  const canvas = view.shadowRoot.querySelector("canvas");
  const keyNow = () => `${view.dataset.session}/${view.dataset.ptsUs}`;
  const samples = [], began = performance.now();
  const analysed = () => samples.filter(({key}) => key in results);
  let last = keyNow();
  while (analysed().length < count && performance.now() - began < patience) {
    await new Promise(requestAnimationFrame);
    if (keyNow() === last) continue;
    last = keyNow();
    samples.push({key: last, png: canvas.toDataURL("image/png")});
  }
  socket.close();
  return analysed().map((sample) => ({...sample, result: results[sample.key]}));
}"""


class HasUrl(Protocol):
    """Any service, in a process of its own or in this one."""

    @property
    def url(self) -> str: ...


FAVICON = "/favicon.ico"
"""What browsers ask for by themselves where they show something that is no page."""
# Of the role monitor, which services within a test process do not have; the browser says so by itself. As it does of a
# snapshot in whose place a better one came between the list and the picture.
MONITORS = (
    "/v1/snapshots",
    "/v1/events",
    "/v1/tracks",
    "/v1/alerts",
    "/v1/ask",
    "/v1/drift",
    "/v1/rules",
    "/v1/zones",
    "/v1/report",
    "/v1/retention",
    "/v1/people",
    "/v1/ask",
)


@dataclass
class Witness:
    """What a page said and asked for."""

    host: str
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    _open: list[WebSocket] = field(default_factory=list)

    def sockets(self, part: str) -> list[str]:
        """The paths of the sockets that are open now and hold `part`."""
        paths = [urlsplit(socket.url).path for socket in self._open if not socket.is_closed()]
        return [path for path in paths if part in path]

    def watch(self, page: Page) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._asked(request.method, request.url))
        page.on("websocket", self._connected)

    def _said(self, message: ConsoleMessage) -> None:
        path = urlsplit(message.location["url"]).path
        absent = "404" in message.text and (path.startswith(MONITORS) or path == FAVICON)
        if message.type == "error" and not absent:
            self.complaints.append(f"{message.text} {message.location['url']}".strip())

    def _connected(self, socket: WebSocket) -> None:
        self._asked("WS", socket.url)
        self._open.append(socket)

    def _asked(self, method: str, url: str) -> None:
        self.requests.append((method, urlsplit(url).path))
        if urlsplit(url).netloc != self.host and not url.startswith(("blob:", "data:")):
            self.foreign.append(url)


@asynccontextmanager
async def opened(
    browser: Browser, service: HasUrl, path: str = "/", **context: Any
) -> AsyncIterator[tuple[Page, Witness]]:
    """A page, by default the live one; when it is left, it may not have complained, nor asked anybody else."""
    witness = Witness(urlsplit(service.url).netloc)
    tab = await browser.new_context(viewport={"width": 1000, "height": 640}, **context)
    page = await tab.new_page()
    witness.watch(page)
    await page.goto(service.url + path)
    yield page, witness
    await tab.close()
    assert witness.complaints == []
    assert witness.foreign == []


def face(number: int, size_wh: tuple[int, int]) -> Picture:
    """A face that moves with the number, above the number's strip. u8 BGR."""
    width, height = size_wh
    portrait = load_portrait()
    portrait = cv2.resize(portrait, (int(height * 0.66 * portrait.shape[1] / portrait.shape[0]), int(height * 0.66)))
    background = np.full((height, width, 3), 90, np.uint8)
    left = 20 + (number * 4) % (width - portrait.shape[1] - 40)
    background[4 : 4 + portrait.shape[0], left : left + portrait.shape[1]] = portrait
    return numbered_image(number, size_wh, background)


@pytest.fixture(scope="module")
def face_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_numbered(tmp_path_factory.mktemp("page") / "face.mp4", CLIP, lambda number: face(number, CLIP.size_wh))


@pytest.fixture(scope="module")
def service(face_clip: Path) -> Iterator[LivesightProcess]:
    sources = {"numbers": f"file:{face_clip}", "demo": "demo:"}
    streams = json.dumps([{"id": name, "url": url, "max_fps": ANALYSED_FPS} for name, url in sources.items()])
    with LivesightProcess((), {"STREAMS": streams, "STREAM__EPHEMERAL_S": "1"}) as process:
        yield process


def tile_of(page: Page, stream: str) -> Locator:
    return page.locator(f"#tile-{stream}")


async def until(found: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Wait until `found()` is truthy; fails after `timeout_s`."""
    async with asyncio.timeout(timeout_s):
        while not found():
            await asyncio.sleep(0.05)


async def live(page: Page, stream: str) -> Locator:
    """The tile of a stream, once it is live and shows a picture."""
    tile = tile_of(page, stream)
    await expect(tile).to_have_attribute("data-state", "live", timeout=30 * SECOND)
    await expect(tile.locator("livesight-view")).to_have_attribute(
        "data-pts-us", re.compile(r"\d+"), timeout=30 * SECOND
    )
    return tile


def decoded(data_url: str) -> Picture:
    """u8 RGBA of a canvas."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data_url.partition(",")[2]))).convert("RGBA"))


async def samples_of(page: Page, stream: str, count: int, patience_s: float = 60) -> list[dict[str, Any]]:
    samples: list[dict[str, Any]] = await page.evaluate(
        SAMPLE, {"stream": stream, "count": count, "patience": patience_s * SECOND}
    )
    return samples


async def run_of_numbers(page: Page, stream: str, count: int) -> list[int]:
    """The steps from one number on the canvas to the next, round the shared clip, `count` pictures long."""
    samples = await samples_of(page, stream, count)
    assert len(samples) >= count
    numbers = [read_number(decoded(sample["png"])[..., :3]) for sample in samples]
    return [(after - before) % NUMBERED_FRAMES for before, after in pairwise(numbers)]


def share_of_edges(samples: list[dict[str, Any]], shift_px: int = 0) -> float:
    """In how many of the middles of the boxes' sides (shifted by that much) the label's colour is on the canvas."""
    return float(np.mean([found for s in samples for found in edges_found(decoded(s["png"]), s["result"], shift_px)]))


def edges_found(canvas: Picture, result: dict[str, Any], shift_px: int) -> list[bool]:
    """For the middle of each side of each box: whether its label's colour is there."""
    height, width = canvas.shape[:2]
    found = []
    for detection in result["detections"]:
        x1, y1, x2, y2 = np.array(detection["xyxy"]) * np.tile([width, height], 2) / np.tile(result["size_wh"], 2)
        x1, y1, x2, y2 = x1 + shift_px, y1 + shift_px, x2 + shift_px, y2 + shift_px
        for x, y in (((x1 + x2) / 2, y1), ((x1 + x2) / 2, y2), (x1, (y1 + y2) / 2), (x2, (y1 + y2) / 2)):
            left, top = max(0, round(x) - 2), max(0, round(y) - 2)
            near = canvas[top : top + 5, left : left + 5, :3].astype(int)
            found.append(bool((np.abs(near - COLOURS[detection["label"]]).max(axis=2) < 40).any()))
    return found


async def test_a_stream_is_live_with_boxes_where_the_results_say(service: LivesightProcess) -> None:
    async with chromium() as browser, opened(browser, service) as (page, _):
        tile = await live(page, "demo")
        samples = await samples_of(page, "demo", 15)
        seen = [sample for sample in samples if sample["result"]["detections"]]
        assert len(seen) >= 10, "the demo shows faces"
        assert min(decoded(sample["png"])[..., :3].std() for sample in seen) > 10, "a blank canvas"
        assert share_of_edges(seen) > 0.9
        assert share_of_edges(seen, shift_px=14) < 0.4, "the check would see anything anywhere"
        fps = (await tile.locator('[data-stat="fps"] dd').inner_text()).split(" / ")
        assert float(fps[0]) > 5 and float(fps[1]) > 0
        await expect(page.locator("#link")).to_have_attribute("data-state", "open")
        await expect(page.locator("#health")).to_have_attribute("data-state", "ready")


async def test_each_picture_is_the_one_that_its_boxes_belong_to(service: LivesightProcess) -> None:
    async with chromium() as browser, opened(browser, service) as (page, _):
        await live(page, "numbers")
        samples = await samples_of(page, "numbers", 25)
        assert len(samples) >= 20
        painted = [read_number(decoded(sample["png"])[..., :3]) for sample in samples]
        claimed = [sample["result"]["frame"] % CLIP.frames for sample in samples]
        assert painted == claimed
        assert len(set(painted)) > 10, "the picture moves"


async def test_own_camera_end_to_end(service: LivesightProcess, tmp_path: Path) -> None:
    spec = ClipSpec(frames=75, fps=25, size_wh=(640, 480), codec="mjpeg", gop=1, bit_rate=12_000_000)
    camera = make_numbered(tmp_path / "camera.mjpeg", spec, lambda number: face(number, spec.size_wh))
    tracks = """(() => { const real = MediaDevices.prototype.getUserMedia; window.tracks = [];
      MediaDevices.prototype.getUserMedia = async function (wish) {
        const media = await real.call(this, wish); window.tracks.push(...media.getTracks()); return media; }; })()"""
    async with chromium(camera) as browser, opened(browser, service) as (page, witness):
        await page.add_init_script(tracks)
        await page.reload()
        await page.get_by_role("button", name="Use my camera").first.click()
        await page.get_by_role("button", name="Start").click(timeout=15 * SECOND)
        tile = page.locator(".tile.own")
        await expect(tile).to_have_attribute("data-state", "live", timeout=30 * SECOND)
        stream = await tile.get_attribute("data-stream")
        assert stream is not None and stream.startswith("cam-")
        view = service.get_json(f"/v1/streams/{stream}")
        assert (view["kind"], view["state"], view["ephemeral"]) == ("whip", "live", True)
        samples = [s for s in await samples_of(page, stream, 20) if s["result"]["detections"]]
        assert len(samples) >= 10, "the overlay follows the results"
        assert share_of_edges(samples) > 0.9
        assert decoded(samples[0]["png"])[..., 3].min() == 0, "the overlay lets the preview through"
        playing = await tile.locator("video").evaluate("(video) => [video.videoWidth, video.currentTime, video.paused]")
        assert playing[0] > 0 and playing[1] > 0 and playing[2] is False
        await tile.get_by_role("button", name="Stop my camera").click()
        await expect(tile).to_have_count(0)
        assert await page.evaluate("tracks.map((track) => track.readyState)") == ["ended"]
        await expect(page.get_by_role("button", name="Use my camera").first).to_be_enabled()
        assert [path for method, path in witness.requests if method == "DELETE" and "/whip" in path]
        # forgotten while the next test's page shows that it ended, it would make that one's browser complain
        await until(lambda: stream not in {view["id"] for view in service.get_json("/v1/streams")["streams"]})


async def test_a_camera_that_cannot_be_used_is_told_in_words(service: LivesightProcess) -> None:
    refuse = "(name) => { MediaDevices.prototype.getUserMedia = async () => { throw new DOMException('', name); } }"
    refusals = {"NotAllowedError": "not allowed", "NotFoundError": "No camera", "NotReadableError": "in use"}
    async with chromium() as browser, opened(browser, service) as (page, _):
        for name, words in refusals.items():
            await page.evaluate(refuse, name)
            await page.get_by_role("button", name="Use my camera").first.click()
            await expect(page.locator("#camera-error")).to_contain_text(words)
            await expect(page.get_by_role("button", name="Start")).to_be_disabled()
            await page.keyboard.press("Escape")
            await expect(page.locator("#camera-dialog")).to_be_hidden()


async def test_add_and_remove_a_camera(service: LivesightProcess, numbered_h264: Path) -> None:
    with RtspServer({"yard": Mount(numbered_h264)}) as camera:
        async with chromium() as browser, opened(browser, service) as (page, witness):
            await page.get_by_role("button", name="Add a camera").first.click()
            form = page.locator("#add-dialog")
            await expect(form.get_by_label("mask", exact=True)).to_be_checked()
            await form.get_by_label("URL").fill("file:/etc/passwd")
            await form.get_by_label("Name").fill("yard")
            await form.get_by_role("button", name="Add camera").click()
            await expect(form.locator("#add-error")).to_contain_text("rtsp://")  # the server's words
            assert service.get_json("/v1/streams")["streams"][-1]["id"] != "yard"
            await form.get_by_label("URL").fill(camera.url("yard") + "-none")
            await form.get_by_role("button", name="Test").click()
            await expect(form.locator("#add-error")).to_contain_text("404", timeout=30 * SECOND)  # the camera's words
            await form.get_by_label("URL").fill(camera.url("yard"))
            await form.get_by_role("button", name="Test").click()
            await expect(form.locator("#add-tested")).to_contain_text("320 × 180", timeout=30 * SECOND)
            await expect(form.locator("#add-preview")).to_be_visible()
            assert "yard" not in {stream["id"] for stream in service.get_json("/v1/streams")["streams"]}
            await form.get_by_role("button", name="Add camera").click()
            tile = await live(page, "yard")
            await tile.hover()
            await tile.get_by_role("button", name="Remove this camera").click()
            await page.locator("#confirm-dialog").get_by_role("button", name="Cancel").click()
            await expect(tile).to_be_visible()
            await tile.hover()
            await tile.get_by_role("button", name="Remove this camera").click()
            await page.locator("#confirm-dialog").get_by_role("button", name="Remove").click()
            await expect(tile).to_have_count(0)  # at once, before the server has stopped the camera
            await until(lambda: "yard" not in {stream["id"] for stream in service.get_json("/v1/streams")["streams"]})
            # what was asked of the camera while it was being removed may be answered by 404
            refused = [text for text in witness.complaints if "status of 4" in text and "/yard" not in text]
            assert len(refused) == 2  # the browser's own lines about the refused addresses
            witness.complaints.clear()


async def test_snapshot_downloads_the_picture_at_full_size(service: LivesightProcess) -> None:
    async with chromium() as browser, opened(browser, service) as (page, _):
        tile = await live(page, "numbers")
        await tile.hover()
        async with page.expect_download() as download:
            await tile.get_by_role("button", name="Download a snapshot").click()
        file = await download.value
        assert file.suggested_filename.startswith("numbers_")
        with Image.open(await file.path()) as image:
            assert image.size == CLIP.size_wh
    small = service.get("/v1/streams/numbers/snapshot.jpg?overlay=1&width=320")
    assert Image.open(io.BytesIO(small)).size == (320, 180)


async def test_keyboard_shows_one_camera_and_all_again(service: LivesightProcess) -> None:
    async with chromium() as browser, opened(browser, service) as (page, witness):
        tile, other = await live(page, "demo"), await live(page, "numbers")
        small = await tile.bounding_box()
        await tile.focus()
        await page.keyboard.press("Enter")
        await expect(other).to_be_hidden()
        assert urlsplit(page.url).fragment == "/live/demo"
        large = await tile.bounding_box()
        assert small and large and large["width"] > small["width"] * 1.3
        await until(lambda: not witness.sockets("/numbers/"))
        assert witness.sockets("/demo/"), "what is shown goes on"
        await page.keyboard.press("Escape")
        await expect(other).to_be_visible()
        await page.keyboard.press("ArrowRight")
        await expect(other).to_be_focused()


async def test_an_address_shows_one_camera_alone(service: LivesightProcess) -> None:
    async with chromium() as browser, opened(browser, service, "/#/live/numbers") as (page, witness):
        await live(page, "numbers")
        await expect(tile_of(page, "demo")).to_have_count(1)
        await expect(tile_of(page, "demo")).to_be_hidden()
        assert not witness.sockets("/demo/")


async def test_a_hidden_tab_fetches_nothing(service: LivesightProcess) -> None:
    turn = """(hidden) => { Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
      document.dispatchEvent(new Event("visibilitychange")); }"""
    async with chromium() as browser, opened(browser, service) as (page, witness):
        tile = await live(page, "demo")
        view = tile.locator("livesight-view")
        await expect(page.locator("body")).to_have_attribute("data-complete", "")  # the other pages' files came too
        await page.evaluate(turn, True)
        await until(lambda: not witness.sockets("/"))
        witness.requests.clear()
        await page.wait_for_timeout(2500)
        assert witness.requests == []
        before = await view.get_attribute("data-pts-us")
        await page.evaluate(turn, False)
        await expect(view).not_to_have_attribute("data-pts-us", before or "", timeout=30 * SECOND)


async def test_from_nothing_to_a_camera_and_through_a_restart(numbered_h264: Path) -> None:
    with LivesightProcess() as service, RtspServer({"yard": Mount(numbered_h264)}) as camera:
        async with chromium() as browser, opened(browser, service, color_scheme="dark") as (page, witness):
            await expect(page.get_by_role("heading", name="No cameras yet")).to_be_visible()
            await page.set_viewport_size({"width": 390, "height": 844})
            await until_fits(page, 390)
            policy = (await page.request.get(service.url)).headers["content-security-policy"]
            assert "default-src 'self'" in policy and "unsafe" not in policy

            stream = {"id": "yard", "url": camera.url("yard"), "max_fps": ANALYSED_FPS}
            assert (await page.request.post(f"{service.url}/v1/streams", data=stream)).status == 201
            tile = await live(page, "yard")  # nobody reloaded the page
            await until_fits(page, 390)

            view = tile.locator("livesight-view")
            session = await view.get_attribute("data-session")
            badge = tile.locator(".badge-text")
            os.kill(service.pid, signal.SIGSTOP)  # the picture stands, and nobody answers
            await expect(badge).to_have_text("Stalled", timeout=15 * SECOND)
            os.kill(service.pid, signal.SIGCONT)
            await expect(badge).to_have_text("Live", timeout=30 * SECOND)
            await expect(view.locator(".notice")).to_be_hidden()
            await asyncio.to_thread(service.stop, 20)
            await expect(page.locator("#banner")).to_contain_text("unreachable")
            await expect(badge).to_have_text("Reconnecting", timeout=15 * SECOND)
            await expect(page.locator("#link")).to_have_attribute("data-state", "waiting")
            await expect(tile).to_be_visible()
            await asyncio.to_thread(service.start)
            await expect(page.locator("#banner")).to_be_hidden(timeout=30 * SECOND)
            await expect(view).not_to_have_attribute("data-session", session or "", timeout=30 * SECOND)
            await expect(page.locator("#link")).to_have_attribute("data-state", "open")
            await expect(badge).to_have_text("Live", timeout=30 * SECOND)
            witness.complaints.clear()  # the browser's lines about the time without a server


async def test_a_camera_dies_and_returns(numbered_h264: Path) -> None:
    with RtspServer({"yard": Mount(numbered_h264)}) as camera:
        streams = json.dumps([{"id": "yard", "url": camera.url("yard"), "max_fps": ANALYSED_FPS}])
        with LivesightProcess((), {"STREAMS": streams, "STREAM__BACKOFF_MAX_S": "1"}) as service:
            async with chromium() as browser, opened(browser, service) as (page, witness):
                tile = await live(page, "yard")
                view = tile.locator("livesight-view")
                notice = view.locator(".notice")
                await expect(notice).to_be_hidden()
                assert all(0 < step < NUMBERED_FRAMES / 2 for step in await run_of_numbers(page, "yard", 10))
                session = await view.get_attribute("data-session") or ""
                await page.evaluate("window.marker = 'the same document'")

                camera.kill()
                await expect(tile).to_have_attribute("data-state", "reconnecting")
                await expect(tile.locator(".badge-text")).to_have_text("Reconnecting")
                await expect(notice).to_be_visible()
                await expect(notice.locator("strong")).to_have_text("Reconnecting")
                await expect(notice.locator("span")).to_contain_text("refused")  # what the camera's host answers
                await expect(notice.locator("span")).to_contain_text(f"127.0.0.1:{camera.port}")
                assert await view.locator("canvas").is_visible(), "the last picture stays"

                camera.start()
                await expect(tile).to_have_attribute("data-state", "live", timeout=30 * SECOND)
                await expect(tile.locator(".badge-text")).to_have_text("Live")
                await expect(view).not_to_have_attribute("data-session", session, timeout=30 * SECOND)
                await expect(notice).to_be_hidden()
                assert all(0 < step < NUMBERED_FRAMES / 2 for step in await run_of_numbers(page, "yard", 10))
                assert await page.evaluate("window.marker") == "the same document"
                assert [path for method, path in witness.requests if path == "/"] == ["/"]
