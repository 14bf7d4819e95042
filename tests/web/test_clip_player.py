"""The clip player in a real browser: over each frame that is shown are its own boxes. B-frames, 100 stops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.api.conftest import Service
from tests.api.test_page import opened
from tests.peers.chromium import chromium, until_fits, until_true
from tests.web.overlay_run import alert_with_clip, open_clip, stops, watched
from tests.web.test_pages import SIZES, artifact, faults
from tests.web.two_boxes import TwoBoxesEngine

pytestmark = pytest.mark.timeout(240)

STOPS = 100
DRAWN = """() => { const canvas = document.querySelector(".clip-frame canvas");
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value) => value > 0); }"""
COVERED = """() => { const [video, canvas] = document.querySelectorAll(".clip-frame > *");
  const [under, over] = [video.getBoundingClientRect(), canvas.getBoundingClientRect()];
  return ["left", "top", "width", "height"].every((side) => Math.abs(under[side] - over[side]) < 1); }"""
SETTLED = "(wide) => Math.abs(document.querySelector('.event-clip').clientWidth - wide) < 40"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A camera with two boxes in each frame, and an alert about one of them with its clip."""
    with watched(tmp_path_factory.mktemp("clips"), TwoBoxesEngine()) as service:
        alert_with_clip(service)
        yield service


async def test_at_each_stop_the_boxes_are_those_of_the_frame(service: Service) -> None:
    alert = alert_with_clip(service)
    async with chromium() as browser, opened(browser, service) as (page, _):
        await open_clip(page, service)
        read = await stops(page, STOPS)
    assert len({stop.painted for stop in read}) > STOPS / 3, "many frames"
    assert [stop for stop in read if not stop.near() and not stop.bare] == []
    assert sum(stop.exact for stop in read) >= STOPS / 3, "a busy machine analyses fewer frames"
    upper, lower = ([stop.boxes[row]["alpha"] for stop in read if stop.boxes[row]] for row in (0, 1))  # type: ignore[index]
    assert alert["track_id"] is not None
    assert min(upper) > 1.5 * max(lower) or min(lower) > 1.5 * max(upper), "the alert's own box strong, the other faint"


@pytest.mark.parametrize(("scheme", "size"), [("dark", "desktop"), ("light", "phone")])
async def test_boxes_can_be_left_out_and_fill_the_screen_with_the_clip(
    service: Service, scheme: Any, size: str
) -> None:
    """By keys; at both sizes."""
    width, height = SIZES[size]
    async with chromium() as browser, opened(browser, service, color_scheme=scheme) as (page, _):
        await page.set_viewport_size({"width": width, "height": height})
        await open_clip(page, service)
        boxes = page.locator(".clip-tools").get_by_role("button", name="Boxes")
        fill = page.locator(".clip-tools").get_by_role("button", name="full screen")
        [stop] = await stops(page, 1)
        assert stop.near() and await page.evaluate(COVERED)
        await until_fits(page, width)
        await looked_at(page, f"clip-{scheme}-{size}.png")
        await boxes.focus()
        await page.keyboard.press("Enter")
        await expect(boxes).to_have_attribute("aria-pressed", "false")
        assert not await page.evaluate(DRAWN)
        await page.reload()  # the choice stays
        await open_clip(page, service)
        await expect(boxes).to_have_attribute("aria-pressed", "false")
        await boxes.click()
        await until_true(page, DRAWN)
        await fill.focus()
        await page.keyboard.press("Enter")
        await until_true(page, "document.fullscreenElement?.className === 'clip-player'")
        await until_true(page, SETTLED, await page.evaluate("innerWidth"))
        assert await page.evaluate(COVERED)
        assert all(stop.near() for stop in await stops(page, 3))
        if path := artifact(f"clip-full-{scheme}-{size}.png"):
            await page.screenshot(path=path)
        await expect(fill).to_have_text("Leave full screen")
        await fill.click()
        await expect(fill).to_have_text("Full screen")
        assert await page.evaluate("document.fullscreenElement === null")
        assert stop.near() and all(stop.near() for stop in await stops(page, 1))


async def test_a_clip_of_an_earlier_version_is_played_without_boxes(service: Service) -> None:
    async def without(route: Route) -> None:
        problem = '{"type": "urn:livesight:problem:clip-without-results", "title": "t", "status": 404, "detail": "d"}'
        await route.fulfill(status=404, content_type="application/problem+json", body=problem)

    async with chromium() as browser:
        page = await browser.new_page()
        await page.route("**/v1/clips/*/results", without)
        await page.goto(f"{service.url}/#/alerts")
        await page.get_by_role("button", name="Details").first.click()
        await expect(page.locator(".clip-tools")).to_contain_text("This clip was stored without its boxes.")
        await expect(page.locator(".clip-tools").get_by_role("button", name="Boxes")).to_be_disabled()
        await until_true(page, "document.querySelector('.event-clip').readyState > 0")


async def looked_at(page: Page, name: str) -> None:
    """No serious fault; a screenshot, where these are wanted."""
    assert await faults(page) == []
    if path := artifact(name):
        await page.screenshot(path=path)
