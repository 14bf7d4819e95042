"""Zones and lines on the live page: lit while somebody is in, as the monitor says; names, counts, the toggle, sizes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from api.http.extension import Extension
from api.video.clip_cutter import ClipCutter
from monitoring.assembly import MonitoringContext
from monitoring.service import Monitoring
from monitoring.settings import MonitorSettings
from stream.config import StreamConfig
from tests.api.conftest import Service, running
from tests.api.test_page import opened
from tests.monitoring.shop import until
from tests.peers.chromium import chromium, until_fits, until_true
from tests.peers.clips import ClipSpec, make_numbered
from tests.web.boxed_numbers import BoxedNumberEngine
from tests.web.test_pages import SIZES, artifact, faults

pytestmark = pytest.mark.timeout(300)

SECOND = 1000.0
CLIP = ClipSpec(frames=128, fps=10, gop=10, size_wh=(640, 360))
"""One box stands still, its foot at (0.19, 0.58); one walks from there to 0.58 at the height of 0.27, every 6.4 s."""


def _zone(name: str, left: float, top: float, right: float, bottom: float) -> dict[str, Any]:
    return {"name": name, "polygon": [[left, top], [right, top], [right, bottom], [left, bottom]]}


SCENE = {
    "stream_id": "clip",
    "zones": [
        _zone("till", 0.28, 0.1, 0.45, 0.45),
        _zone("bench", 0.1, 0.5, 0.27, 0.7),
        _zone("hall", 0.02, 0.05, 0.47, 0.95),
        _zone("corner", 0.8, 0.1, 0.98, 0.5),
    ],
    "lines": [{"name": "gate", "start": [0.5, 0.98], "end": [0.5, 0.02]}],
}

LISTEN = """() => {
  window.said = [];
  const look = () => {
    for (const group of document.querySelectorAll("#tile-clip .tile-zones [data-name]")) {
      const text = group.querySelector("text").textContent;
      const words = [text, ...(group.classList.contains("lit") ? ["lit"] : []), group.dataset.crossed].join(" ").trim();
      const last = window.said.findLast((one) => one.name === group.dataset.name);
      if (last?.words !== words) window.said.push({ name: group.dataset.name, words });
    }
  };
  const wanted = { subtree: true, childList: true, attributes: true, characterData: true };
  new MutationObserver(look).observe(document.querySelector("#tile-clip .tile-zones"), wanted);
  look();
}"""
HEARD = "(words) => words.every((one) => window.said.filter(({ words }) => words === one).length > 1)"

# By how many CSS pixels each outline is off where it belongs on the picture, at most
OFF = """(places) => {
  const canvas = document.querySelector("#tile-clip livesight-view").shadowRoot.querySelector("canvas");
  const stage = canvas.getBoundingClientRect();
  const fit = Math.min(stage.width / canvas.width, stage.height / canvas.height);
  const [wide, high] = [canvas.width * fit, canvas.height * fit];
  const [left, top] = [stage.left + (stage.width - wide) / 2, stage.top + (stage.height - high) / 2];
  return Math.max(...places.map(([name, x, y]) => {
    const area = document.querySelector(`#tile-clip [data-name=${name}] .zone-area`);
    const { x: dx, y: dy } = area.points[0].matrixTransform(area.getScreenCTM());
    return Math.hypot(dx - left - x * wide, dy - top - y * high);
  }));
}"""
# The bar with all that may be in it
FILL_BAR = """(full) => {
  const [bell, account] = ["#bell", "#account"].map((one) => document.querySelector(one));
  bell.hidden = account.hidden = !full;
  [bell.children[1].textContent, bell.children[2].textContent] = ["12", "alerts"];
  account.querySelector("span").textContent = "somebody@example.org";
}"""
BAR_FITS = """() => {
  const bar = document.querySelector(".bar");
  return bar.scrollWidth <= bar.clientWidth;
}"""
PLACES = [["till", 0.28, 0.1], ["corner", 0.8, 0.1], ["gate", 0.5, 0.98]]


@dataclass
class Hall:
    """A service with a monitor and a camera that sees one who sits and one who walks."""

    service: Service
    monitoring: Monitoring


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    """As above, with the zones and the line of SCENE."""
    folder = tmp_path_factory.mktemp("hall")
    clip = make_numbered(folder / "clip.mp4", CLIP)
    made: list[Monitoring] = []

    def extensions(bus: Any, state_dir: Path) -> Iterable[Extension]:
        context = MonitoringContext(state_dir, "test", bus, None, ClipCutter(None, None))  # type: ignore[arg-type]
        made.append(Monitoring(MonitorSettings(), context))
        return made

    with running(folder / "state", engine=BoxedNumberEngine(), extensions=extensions) as service:
        (monitoring,) = made
        monitoring.start()
        until(lambda: monitoring.active)
        service.node.streams.add(StreamConfig(id="clip", url=f"file:{clip}", models=("number",)), allow_local=True)
        put_scene(service, SCENE)
        yield Hall(service, monitoring)
        monitoring.close(10)


def put_scene(service: Service, scene: dict[str, Any]) -> None:
    """As the dialog does."""
    httpx.put(f"{service.url}/v1/zones/clip", json=scene, timeout=20).raise_for_status()


async def zones_shown(page: Page) -> None:
    await expect(page.locator("#tile-clip .tile-zones [data-name]")).to_have_count(5, timeout=60 * SECOND)


async def test_a_zone_is_lit_while_somebody_is_in_and_a_line_after_a_crossing(hall: Hall) -> None:
    async with chromium() as browser, opened(browser, hall.service) as (page, witness):
        await zones_shown(page)
        await page.evaluate(LISTEN)
        wanted = ["till", "till · 1 lit", "gate", "gate · in lit in", "hall · 1 lit", "hall · 2 lit"]
        await until_true(page, HEARD, wanted, timeout_s=120)
        bench = page.locator("#tile-clip [data-name=bench]")
        await expect(bench).to_have_class("scene-shape zone lit")
        await expect(bench).to_have_text("bench · 1")
        said = await page.evaluate("window.said")
        assert {one["words"] for one in said if one["name"] == "corner"} == {"corner"}
        assert {one["words"] for one in said if one["name"] == "till"} == {"till", "till · 1 lit"}
        label = await page.locator("#tile-clip .tile-zones").get_attribute("aria-label")
        assert label is not None and "zone bench: 1 inside" in label and "zone corner: nothing inside" in label
        # once for the page, however many zones: it stays open
        assert [path for _, path in witness.requests if path == "/v1/tracks/live"] == ["/v1/tracks/live"]


async def test_zones_lie_where_they_belong_at_every_size(hall: Hall) -> None:
    async with chromium() as browser, opened(browser, hall.service) as (page, _):
        await zones_shown(page)
        await expect(page.locator("#tile-clip livesight-view[data-pts-us]")).to_have_count(1, timeout=60 * SECOND)
        for width in (360, 390, 700, 900, 1180, 1320, 1560):  # where the bar is fullest
            await page.set_viewport_size({"width": width, "height": 800})
            await page.evaluate(FILL_BAR, True)
            await until_true(page, BAR_FITS)  # it measures itself in the next frame
        await page.evaluate(FILL_BAR, False)
        schemes: dict[str, Any] = {"desktop": "dark", "phone": "light"}
        for size, (width, height) in SIZES.items():
            await page.set_viewport_size({"width": width, "height": height})
            await page.emulate_media(color_scheme=schemes[size])
            await until_true(page, f"(places) => ({OFF})(places) < 2", PLACES)
            await until_fits(page, width)
            assert await faults(page) == []
            if path := artifact(f"live-zones-{schemes[size]}-{size}.png"):
                await page.screenshot(path=path)
        await page.locator("#tile-clip").focus()
        await page.keyboard.press("Enter")  # alone
        # bars at the sides, as when the wall has cameras of several shapes
        flat = "document.querySelector('#tile-clip .tile-video').style.setProperty('aspect-ratio', '3', 'important')"
        await page.evaluate(flat)
        await until_true(page, f"(places) => ({OFF})(places) < 2", PLACES)
        await page.locator("#mode").select_option("fast")
        await zones_shown(page)


async def test_the_toggle_is_remembered_and_works_with_the_keys(hall: Hall) -> None:
    async with chromium() as browser, opened(browser, hall.service) as (page, _):
        await zones_shown(page)
        toggle = page.get_by_role("button", name="Zones and lines")
        await toggle.focus()
        await page.keyboard.press("Space")
        await expect(toggle).to_have_attribute("aria-pressed", "false")
        await expect(page.locator("#tile-clip .tile-zones")).to_be_hidden()
        await followers(hall, 0)
        await page.reload()
        await expect(toggle).to_be_visible(timeout=60 * SECOND)
        await expect(toggle).to_have_attribute("aria-pressed", "false")
        await expect(page.locator("#tile-clip .tile-zones")).to_be_hidden()
        await toggle.click()
        await zones_shown(page)
        await page.locator('[data-to="cameras"]').click()  # nobody looks
        await expect(toggle).to_be_hidden()
        await followers(hall, 0)


async def test_a_changed_scene_shows_at_once_and_none_without_the_monitor(hall: Hall) -> None:
    """Runs last: it ends the feed. What is not known is not shown; `opened` asserts that the page did not complain."""
    async with chromium() as browser, opened(browser, hall.service) as (page, _):
        await zones_shown(page)
        put_scene(hall.service, {**SCENE, "zones": [_zone("counter", 0.05, 0.05, 0.3, 0.95)]})
        await expect(page.locator("#tile-clip .tile-zones [data-name]")).to_have_count(2, timeout=60 * SECOND)
        await expect(page.locator("#tile-clip [data-name=counter]")).to_have_class("scene-shape zone lit")
        hall.monitoring.live_tracks.close()
        await expect(page.locator("#tile-clip .tile-zones")).to_be_hidden(timeout=60 * SECOND)
        shown = await page.locator("#tile-clip livesight-view").get_attribute("data-pts-us")
        await until_true(page, f"document.querySelector('#tile-clip livesight-view').dataset.ptsUs !== '{shown}'")


async def followers(hall: Hall, count: int) -> None:
    """Wait until so many follow the tracks."""
    async with asyncio.timeout(60):
        while len(hall.monitoring.live_tracks._followers) != count:
            await asyncio.sleep(0.05)
