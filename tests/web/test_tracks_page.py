"""The Events page in a real browser: tracks as rows, nothing moves under a reader, every filter in the address."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from playwright.async_api import Page, expect

from api.http.extension import Extension
from api.video.clip_cutter import ClipCutter
from monitoring.assembly import MonitoringContext
from monitoring.service import Monitoring
from monitoring.settings import MonitorSettings
from tests.api.conftest import Service, running
from tests.api.test_page import opened
from tests.monitoring.happened import message
from tests.monitoring.shop import until
from tests.peers.chromium import chromium, until_fits
from tests.web.test_pages import SIZES, artifact, faults
from workers.bus.media import Snapshot
from workers.bus.message_bus import SNAPSHOTS, Message
from workers.bus.result import Detection, FrameResult, Latency

pytestmark = pytest.mark.timeout(300)

SECOND = 1000.0
SIZE_WH = (640, 360)
SETTINGS = {
    "gather_s": 0.05,
    "scenes": [
        {
            "stream_id": "door",
            "zones": [{"name": "till", "polygon": [[0.3, 0], [0.7, 0], [0.7, 1], [0.3, 1]]}],
            "lines": [{"name": "gate", "start": [0.5, 0], "end": [0.5, 1]}],
        }
    ],
    "rules": [
        {
            "name": "bare",
            "when": {"type": "seen", "labels": ["without_mask"], "zone": "till"},
            "clip": False,
            "cooldown_s": 0,
        }
    ],
}
PLACES = """() => [...document.querySelectorAll("#events-list > li")].map((row) => row.getBoundingClientRect().top)"""
SCROLLED = "() => Math.max(document.querySelector('[data-page=events]').scrollTop, document.scrollingElement.scrollTop)"


class Street:
    """A service with a monitor, and what it is told to have seen."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._numbers = itertools.count(1)
        self._sessions = itertools.count(1)
        self.walked = 0

    def come(self, count: int, stream_id: str = "yard") -> None:
        """So many come into view at once, and are gone when others come."""
        session = f"01KAH{next(self._sessions):021}"
        numbers = [next(self._numbers) for _ in range(count)]
        for step in range(3):
            seen = [_seen(number, 0.1 + number % 80 / 100) for number in numbers]
            self._publish(stream_id, session, step * 0.3, seen)

    def walk(self, label: str = "without_mask", stream_id: str = "door") -> None:
        """Somebody walks through the till and the gate, puts a mask on, leaves, and leaves an image."""
        self.walked += 1
        session = f"01KAH{next(self._sessions):021}"
        number, until_s = next(self._numbers), 6.0
        began_ns = time.time_ns() - 8_000_000_000
        for step in range(40):
            at_s = step / 5
            name = label if at_s < 3 else "with_mask"
            seen = [_seen(number, 0.1 + at_s * 0.13, name)] if at_s < until_s else []
            self._publish(stream_id, session, at_s, seen, began_ns + round(at_s * 1e9))
        for view in ("crop", "picture"):
            told = Snapshot(
                view=view,  # type: ignore[arg-type]
                session=session,
                track=number,
                pts_us=3_000_000,
                captured_at_ns=began_ns + 3_000_000_000,
                detector="mask",
                label=label,
                confidence=0.9,
                quality=9.0,
                box="1,2,3,4",
                region="0,0,9,9",
                size="640,360",
                node="test",
            )
            self.service.bus.publish(Message(SNAPSHOTS, stream_id, picture(number), told.headers(), 0.0))

    def tracks(self, query: str = "") -> list[dict[str, Any]]:
        """As the API has them."""
        return httpx.get(f"{self.service.url}/v1/tracks?limit=500&{query}", timeout=60).json()["tracks"]

    def _publish(
        self, stream_id: str, session: str, at_s: float, seen: Iterable[Detection], at_ns: int | None = None
    ) -> None:
        result = FrameResult(
            stream_id=stream_id,
            session=session,
            frame=0,
            skipped=0,
            pts_us=round(at_s * 1e6),
            captured_at_ns=time.time_ns() if at_ns is None else at_ns,
            size_wh=SIZE_WH,
            node="test",
            detections=tuple(seen),
            models={"mask": 3},
            latency_ms=Latency(decode=1, wait=1, inference=1, total=3),
        )
        self.service.bus.publish(message(result))


def _seen(number: int, x: float, label: str = "with_mask") -> Detection:
    left = x * SIZE_WH[0]
    return Detection(
        detector="mask", track_id=number, label=label, confidence=0.87, xyxy=(left - 20, 120.0, left + 20, 240.0)
    )


def picture(number: int) -> bytes:
    """A JPEG of a colour of its own."""
    hue = np.full((90, 120, 3), (number * 47 % 180, 150, 190), np.uint8)
    return cv2.imencode(".jpg", cv2.cvtColor(hue, cv2.COLOR_HSV2BGR))[1].tobytes()


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Forty tracks have come and gone; three of them with images, a zone, a line, an alert."""
    made: list[Monitoring] = []

    def extensions(bus: Any, state_dir: Path) -> Iterable[Extension]:
        context = MonitoringContext(state_dir, "test", bus, None, ClipCutter(None, None))  # type: ignore[arg-type]
        made.append(Monitoring(MonitorSettings.model_validate(SETTINGS), context))
        return made

    with running(tmp_path_factory.mktemp("street"), extensions=extensions) as service:
        (monitoring,) = made
        monitoring.start()
        until(lambda: monitoring.active)
        found = Street(service)
        found.come(37)
        for _ in range(3):
            found.walk()
        until(lambda: len(found.tracks()) == 40 and all(one["picture_url"] for one in found.tracks("zone=till")))
        yield found
        monitoring.close(10)


async def list_is_full(page: Page, street: Street, count: int = 40) -> None:
    await page.goto(f"{street.service.url}/#/events")
    await expect(page.locator(".event")).to_have_count(count, timeout=60 * SECOND)


async def test_arrivals_move_nothing_under_a_reader_who_has_scrolled(street: Street) -> None:
    """Runs first: it counts rows."""
    async with chromium() as browser, opened(browser, street.service) as (page, _):
        await list_is_full(page, street)
        for height, width, total in ((640, 1000, 50), (844, 390, 50)):
            await page.set_viewport_size({"width": width, "height": height})
            row = page.locator(".event").nth(30)
            await row.scroll_into_view_if_needed()
            await row.get_by_role("button").focus()
            identity = await row.get_attribute("data-id")
            before, scrolled = await page.evaluate(PLACES), await page.evaluate(SCROLLED)
            assert scrolled > 500
            street.come(250)
            street.come(250)  # which ends the others: rows that are shown change, too
            newer = page.locator("#events-new")
            await expect(newer).to_be_visible(timeout=60 * SECOND)
            await expect(newer).to_have_text("500 new", timeout=60 * SECOND)
            assert await page.evaluate(PLACES) == before
            assert await page.evaluate(SCROLLED) == scrolled
            assert await page.evaluate("document.activeElement.closest('[data-id]').dataset.id") == identity
            if path := artifact(f"events-new-{width}.png"):
                await page.screenshot(path=path)
            await newer.focus()
            await page.keyboard.press("Enter")
            await expect(newer).to_be_hidden()
            await expect(page.locator(".event")).to_have_count(total)
            await expect(page.locator(".event").first.get_by_role("button")).to_be_focused()
            assert await page.evaluate(SCROLLED) == 0
        newest = {one["id"] for one in street.tracks()[:50]}
        shown = await page.locator(".event").evaluate_all("(rows) => rows.map(({dataset}) => dataset.id)")
        assert set(shown) <= {one["id"] for one in street.tracks()} and len(set(shown) & newest) > 0
        street.come(1, "door")  # whoever is at the top sees who comes
        await expect(page.locator(".event").first).to_contain_text("door", timeout=60 * SECOND)
        await expect(newer).to_be_hidden()


async def test_filters_survive_reload_back_and_a_copied_address(street: Street) -> None:
    tools = "#events-tools [name={}]"
    page_size = min(50, len(street.tracks()))
    async with chromium() as browser, opened(browser, street.service) as (page, _):
        await page.goto(f"{street.service.url}/#/events")
        rows = page.locator(".event")
        await expect(rows).to_have_count(page_size, timeout=60 * SECOND)
        await page.locator(tools.format("zone")).select_option("till")
        await expect(rows).to_have_count(street.walked)
        await page.get_by_text("More filters").click()
        await page.locator(tools.format("has_alert")).select_option("true")
        await page.locator(tools.format("range")).select_option("7d")
        address = page.url
        assert all(part in address for part in ("zone=till", "has_alert=true", "range=7d"))

        async def holds(there: Page) -> None:
            await expect(there.locator(".event")).to_have_count(street.walked, timeout=60 * SECOND)
            for name, value in (("zone", "till"), ("has_alert", "true"), ("range", "7d"), ("label", "")):
                await expect(there.locator(tools.format(name))).to_have_value(value)

        await page.reload()
        await holds(page)
        await page.locator('[data-to="alerts"]').click()
        await expect(page.locator("#alerts-page-title")).to_be_visible()
        await page.go_back()
        await holds(page)
        async with opened(browser, street.service, address.removeprefix(street.service.url)) as (other, _):
            await holds(other)
        await page.go_back()  # takes the last filter back
        await expect(page.locator(tools.format("range"))).to_have_value("24h")
        await expect(page.locator(tools.format("has_alert"))).to_have_value("true")
        await page.get_by_role("button", name="Reset").click()
        await expect(rows).to_have_count(page_size)
        assert page.url.endswith("#/events")


async def test_every_filter_of_the_api_is_in_the_address(street: Street) -> None:
    """Several values of one, what is offered nowhere, and what only one of the views knows."""
    document = street.service.app.openapi()
    described = {
        view: {one["name"] for one in document["paths"][f"/v1/{view}"]["get"]["parameters"]}
        - {"cursor", "limit", "order"}
        for view in ("tracks", "events")
    }
    values = {"since": "2026-01-01T00:00:00.000Z", "until": "2027-06-01T00:00:00.000Z", "track": "1", "kind": "alert"}
    values |= {"min_confidence": "0.25", "min_duration_s": "2", "direction": "in", "severity": "info"}
    values |= dict.fromkeys(("has_alert", "in_view", "alert"), "false")
    async with chromium() as browser, opened(browser, street.service) as (page, witness):
        for view, names in described.items():
            given = {name: values.get(name, f"some-{name}".replace("_", "-")) for name in sorted(names)}
            said = httpx.QueryParams(
                [*({"view": view} if view == "events" else {}).items(), *given.items(), ("label", "b")]
            )
            async with page.expect_request(f"**/v1/{view}?*") as asked:
                await page.goto(f"{street.service.url}/#/events?{said}")
            sent = httpx.URL((await asked.value).url).params
            assert {name: sent.get(name) for name in given} == given
            assert sent.get_list("label") == ["some-label", "b"]
            answer = await (await asked.value).response()
            assert answer is not None and answer.status == 200
            assert await page.locator("#events-tools [name=label] :checked").inner_text() == "some-label, b"
            await expect(page.locator("#events-note")).to_be_visible()
            await page.goto(f"{street.service.url}/#/alerts")
        assert not [path for _, path in witness.requests if path.endswith("/live") and "until" in path]


@pytest.mark.parametrize(("scheme", "size"), [("dark", "desktop"), ("light", "phone")])
async def test_a_track_is_opened_and_its_events_are_in_it(street: Street, scheme: Any, size: str) -> None:
    """By keys, and by the mouse; at both sizes."""
    width, height = SIZES[size]
    async with chromium() as browser, opened(browser, street.service, color_scheme=scheme) as (page, _):
        await page.set_viewport_size({"width": width, "height": height})
        await page.goto(f"{street.service.url}/#/events?zone=till")
        rows = page.locator(".event")
        await expect(rows).to_have_count(street.walked, timeout=60 * SECOND)
        await expect(rows.last.locator("img")).to_be_visible(timeout=60 * SECOND)
        for text in ("without mask → with mask", "till", "gate out", "Warning", "door"):
            await expect(rows.last).to_contain_text(text)
        await page.wait_for_timeout(300)  # the chart redraws itself
        await until_fits(page, width)
        await looked_at(page, f"events-tracks-{scheme}-{size}.png")
        await rows.last.get_by_role("button").focus()
        await page.keyboard.press("Enter")
        dialog = page.locator("#track-dialog")
        await expect(dialog.locator(".track-event")).to_have_count(7)
        await expect(dialog.locator(".event-image polyline").first).to_be_attached()
        await looked_at(page, f"events-track-{scheme}-{size}.png")
        await dialog.locator(".track-event").filter(has_text="Crossed gate, out").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#event-dialog")).to_be_visible()
        await expect(page.locator("#event-body")).to_contain_text("gate")
        await page.keyboard.press("Escape")
        await expect(page.locator("#event-dialog")).to_be_hidden()
        await expect(dialog).to_be_visible()
        await dialog.get_by_role("link", name="Show them in the list").click()
        await expect(dialog).to_be_hidden()
        await expect(rows).to_have_count(7)
        await page.get_by_role("radio", name="Tracks").check()
        await expect(rows).to_have_count(1)
        await page.get_by_text("More filters").click()
        await until_fits(page, width)
        await looked_at(page, f"events-filters-{scheme}-{size}.png")


@pytest.mark.parametrize(("scheme", "size"), [("dark", "desktop"), ("light", "phone")])
async def test_a_track_is_deleted_step_by_step(street: Street, scheme: Any, size: str) -> None:
    """By keys: its images, one of its events, the rest; another page that looks on drops its row, too."""
    street.walk()
    until(lambda: len(street.tracks("zone=till")) == street.walked)
    newest = street.tracks("zone=till")[0]
    until(lambda: street.tracks("zone=till")[0]["picture_url"])
    width, height = SIZES[size]
    async with chromium() as browser, opened(browser, street.service, color_scheme=scheme) as (page, _):
        await page.set_viewport_size({"width": width, "height": height})
        await page.goto(f"{street.service.url}/#/events?zone=till")
        row = page.locator(f'.event[data-id="{newest["id"]}"]')
        async with opened(browser, street.service, "/#/events?zone=till") as (other, _):
            looked_on = other.locator(f'.event[data-id="{newest["id"]}"]')
            await expect(looked_on).to_be_visible(timeout=60 * SECOND)
            await row.get_by_role("button").focus()
            await page.keyboard.press("Enter")
            dialog, question = page.locator("#track-dialog"), page.locator("#confirm-dialog")
            await expect(dialog.locator(".track-event")).to_have_count(7)

            async def delete(name: str, told: str, within: str = "#track-dialog") -> None:
                await page.locator(within).get_by_role("button", name=name).focus()
                await page.keyboard.press("Enter")
                await expect(question).to_contain_text(told)
                await looked_at(page, f"events-{name.replace(' ', '-')}-{scheme}-{size}.png")
                await page.keyboard.press("Escape")
                await expect(question).to_be_hidden()
                await page.keyboard.press("Enter")  # the focus is where it was
                await question.get_by_role("button", name="Delete").focus()
                await page.keyboard.press("Enter")
                await expect(question).to_be_hidden()

            await delete("Delete images", "the track gets no others")
            await expect(dialog.locator(".event-image")).to_have_count(0)
            await dialog.locator(".track-event").filter(has_text="Crossed gate, out").click()
            await delete("Delete event", "no longer tells of it", "#event-dialog")
            await expect(page.locator("#event-dialog")).to_be_hidden()
            await expect(dialog.locator(".track-event")).to_have_count(6)
            await expect(dialog).not_to_contain_text("gate out")
            await looked_at(page, f"events-deleting-{scheme}-{size}.png")
            await until_fits(page, width)
            await page.evaluate("document.body.dataset.may = 'events pictures'")
            await expect(dialog.get_by_role("button", name="Delete track")).to_be_hidden()
            await page.evaluate("document.body.dataset.may = 'events pictures delete'")
            await delete("Delete track", "events, images and clips")
            street.walked -= 1
            await expect(dialog).to_be_hidden()
            await expect(row).to_have_count(0)
            await expect(looked_on).to_have_count(0)
            assert newest["id"] not in {one["id"] for one in street.tracks()}


async def looked_at(page: Page, name: str) -> None:
    """No serious fault; a screenshot, where these are wanted."""
    assert await faults(page) == []
    if path := artifact(name):
        await page.screenshot(path=path)
