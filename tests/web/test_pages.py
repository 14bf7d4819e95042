"""The pages in a real browser: nothing from elsewhere, no serious fault by axe-core, screenshots, nothing leaks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from stream.config import StreamConfig
from tests.api.conftest import Service, running
from tests.api.test_page import opened
from tests.peers.chromium import chromium, until_fits, until_true
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.number_engine import NumberEngine, shipped_version
from tests.peers.ports import free_port
from workers.model_card import ModelStore, shipped_models_dir

pytestmark = pytest.mark.timeout(300)

SECOND = 1000.0
PAGES = ("live", "cameras", "events", "alerts", "monitoring", "health", "models")
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
CLIP = ClipSpec(frames=100, fps=10, gop=10)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A small clip with the test engine, a camera that nobody answers for, and the models that ship to be looked at."""
    folder = tmp_path_factory.mktemp("pages")
    clip = make_numbered(folder / "clip.mp4", CLIP)
    with running(folder / "state", engine=NumberEngine(version=shipped_version("mask"))) as service:
        service.node.models._store = ModelStore([shipped_models_dir()])
        service.node.streams.add(StreamConfig(id="clip", url=f"file:{clip}", models=("number",)), allow_local=True)
        url = f"rtsp://user:secret@127.0.0.1:{free_port()}/gate"
        service.node.streams.add(StreamConfig(id="gate", url=url, models=("number",)))
        yield service


async def shown(page: Page, name: str) -> None:
    """Go to a page by the navigation, and wait until it has filled."""
    await page.locator(f'[data-to="{name}"]').click()
    heading = page.locator(f'[data-page="{name}"] h1')
    if name != "live":  # where it begins
        await expect(heading).to_be_focused()
    full = {
        "live": "livesight-view[data-pts-us]",
        "cameras": "#camera-list .camera",
        "events": "#events-note h2, #events-list li",
        "alerts": "#alerts-note h2, #alert-list li",
        "monitoring": "#performance-rows tr",
        "health": "#chart-latency canvas",
        "models": "#model-list .model",
    }[name]
    await expect(page.locator(full).first).to_be_attached(timeout=60 * SECOND)


async def faults(page: Page) -> list[str]:
    """What axe-core finds serious or critical, each with where."""
    found = await Axe().run(page)
    return [
        f"{fault['id']} ({fault['impact']}): {node['html'][:200]}"
        for fault in found.response["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def artifact(name: str) -> Path | None:
    """Where a screenshot goes: a file in the folder that TEST_ARTIFACTS names, None without it."""
    folder = os.environ.get("TEST_ARTIFACTS")
    if not folder:
        return None
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder) / name


async def test_every_page_on_desktop_and_phone_without_a_monitor(service: Service) -> None:
    """No request to elsewhere, no complaint, no serious fault, nothing wider than the screen; screenshots.

    What the pages show with events and alerts, light and dark, is in test_monitoring_pages.py.
    """
    async with chromium() as browser:
        async with opened(browser, service) as (page, _):
            for name in PAGES:
                await shown(page, name)
                assert await faults(page) == []
                for size, (width, height) in SIZES.items():
                    await page.set_viewport_size({"width": width, "height": height})
                    await page.wait_for_timeout(300)  # charts redraw themselves
                    await until_fits(page, width)
                    if path := artifact(f"{name}-{size}.png"):
                        await page.screenshot(path=path)
            text = await page.locator("body").inner_text()
            assert "secret" not in text


async def test_the_dialogs_have_no_serious_fault(service: Service) -> None:
    async with chromium() as browser, opened(browser, service) as (page, _):
        await expect(page.locator("#tile-clip")).to_be_visible(timeout=30 * SECOND)
        await page.get_by_role("button", name="Add a camera").first.click()
        await expect(page.locator("#add-dialog").get_by_label("mask", exact=True)).to_be_checked(timeout=30 * SECOND)
        assert await faults(page) == []
        await page.keyboard.press("Escape")
        await expect(page.locator("#add-dialog")).to_be_hidden()


async def test_a_camera_is_taught_a_tag_with_the_keys(service: Service) -> None:
    async with chromium() as browser, opened(browser, service) as (page, _):
        await expect(page.locator("livesight-view[data-pts-us]").first).to_be_attached(timeout=30 * SECOND)
        await page.goto(f"{service.url}/#/cameras")
        await page.get_by_role("button", name="Tags of clip").focus()
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Tags of “clip”")
        await expect(dialog.get_by_role("img")).to_be_visible()
        await dialog.get_by_role("button", name="Shows it").click()
        await expect(dialog.get_by_role("status")).to_have_text("")  # it has no name yet
        await dialog.get_by_label("What an image may show").fill("lamp on")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(dialog.get_by_role("status")).to_contain_text("1 image shows it, 0 do not: 7 more examples")
        assert await faults(page) == []
        assert [tag.name for tag in service.node.tags.of("clip")] == ["lamp on"]
        await dialog.get_by_role("button", name="Forget lamp on").click()
        await page.locator("#confirm-dialog").get_by_role("button", name="Forget").click()
        await expect(dialog.get_by_role("listitem")).to_have_count(0)
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)


async def test_cameras_are_paused_changed_and_removed(service: Service) -> None:
    url = f"rtsp://127.0.0.1:{free_port()}/attic"
    async with httpx.AsyncClient(timeout=20) as client:
        wish = {"id": "attic", "url": url, "models": ["number"]}
        (await client.post(f"{service.url}/v1/streams", json=wish)).raise_for_status()
    async with chromium() as browser, opened(browser, service) as (page, _):
        await page.goto(f"{service.url}/#/cameras")
        card = page.locator('.camera[data-stream="attic"]')
        await expect(card.locator(".camera-trouble")).to_contain_text("refused")
        await card.get_by_role("button", name="Pause").click()
        await expect(card.locator(".badge")).to_have_attribute("data-state", "disabled")
        await card.get_by_role("button", name="Resume").click()
        await expect(card.get_by_role("button", name="Pause")).to_be_enabled(timeout=20 * SECOND)
        await card.get_by_role("button", name="Edit").click()
        form = page.locator("#add-dialog")
        limit = form.get_by_label("Maximum frames per second")
        await form.get_by_label("URL").fill(url.replace("attic", "cellar"))
        await limit.fill("0")
        await page.get_by_role("button", name="Save changes").click()
        await expect(form.locator("#add-error")).to_contain_text("above 0")
        await limit.fill("2.5")
        await page.get_by_role("button", name="Save changes").click()
        await expect(card.locator(".camera-url")).to_contain_text("cellar")
        await expect(card).to_contain_text("limit 2.5")
        assert service.node.streams.view("attic").max_fps == 2.5
        await card.get_by_role("button", name="Edit").click()
        await expect(limit).to_have_value("2.5")
        await limit.fill("")
        await page.get_by_role("button", name="Save changes").click()
        await expect(card).not_to_contain_text("limit")
        assert service.node.streams.view("attic").max_fps is None
        assert (service.node.streams.view("attic").url or "").endswith("/cellar")
        await card.get_by_role("button", name="Remove").click()
        await page.locator("#confirm-dialog").get_by_role("button", name="Remove").click()
        await expect(card).to_have_count(0)


COUNT = """async () => {
  const within = (element) => (element.shadowRoot ? count(element.shadowRoot) : 0);
  const count = (root) => [...root.querySelectorAll("*")].reduce((sum, element) => sum + 1 + within(element), 0);
  return count(document);
}"""


async def heap_bytes(page: Page) -> int:
    """What is still reachable."""
    session = await page.context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    used = await session.send("Runtime.getHeapUsage")
    await session.detach()
    return int(used["usedSize"])


async def test_a_wall_that_comes_and_goes_leaves_nothing(service: Service) -> None:
    """Views put in and taken out again and again: elements, sockets and memory are back where they were."""
    async with chromium() as browser, opened(browser, service, "/static/example.html") as (page, witness):
        await expect(page.locator("livesight-view[data-pts-us]")).to_have_count(1, timeout=60 * SECOND)
        await page.evaluate("document.querySelector('livesight-view').remove()")

        async def round_of_views() -> None:
            await page.evaluate(
                """() => { for (const stream of ["clip", "clip", "clip"]) {
                  const view = document.createElement("livesight-view"); view.setAttribute("stream", stream);
                  view.style.width = "160px"; document.querySelector("main").prepend(view); } }"""
            )
            await expect(page.locator("livesight-view[data-pts-us]")).to_have_count(3, timeout=60 * SECOND)
            await page.evaluate("document.querySelectorAll('livesight-view').forEach((view) => view.remove())")
            async with asyncio.timeout(20):
                while witness.sockets("/v1/") or service.context.hub.viewers("clip"):
                    await asyncio.sleep(0.05)

        await round_of_views()
        elements, before = await page.evaluate(COUNT), await heap_bytes(page)
        for _ in range(3):
            await round_of_views()
        assert await page.evaluate(COUNT) == elements
        assert await heap_bytes(page) - before < 2_000_000


async def browser_without_webcodecs(browser: Browser, service: Service) -> Page:
    page = await browser.new_page()
    await page.add_init_script("delete window.VideoDecoder")
    await page.goto(f"{service.url}/static/example.html")
    await page.locator("select[name=stream]").select_option("clip")
    return page


async def test_without_webcodecs_the_server_draws(service: Service) -> None:
    async with chromium() as browser:
        page = await browser_without_webcodecs(browser, service)
        view = page.locator("livesight-view")
        await expect(view).to_have_attribute("data-state", "live", timeout=60 * SECOND)
        width = "document.querySelector('livesight-view').shadowRoot.querySelector('img').naturalWidth"
        await until_true(page, f"{width} === 320")
        assert await page.evaluate("document.querySelector('livesight-view').stats.via") == "mjpeg"
        await expect(page.locator("#state")).to_contain_text("does not decode")
