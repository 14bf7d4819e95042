"""The pages of the role monitor on the real service: zones drawn with the mouse, what happens in them, alerts."""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.api.test_page import opened
from tests.peers.chromium import chromium, until_fits, until_true
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.livesight_process import LivesightProcess
from tests.peers.ports import free_port
from tests.web.test_pages import SIZES, artifact, faults

pytestmark = pytest.mark.timeout(300)

SECOND = 1000.0
# Its box moves from left to right with the number, and begins anew every 6.4 s: a track enters, crosses and leaves
CLIP = ClipSpec(frames=128, fps=20, gop=20, size_wh=(640, 360))
NUMBER_LIVESIGHT = (sys.executable, "-m", "tests.peers.number_livesight")
CONFIGURED = [{"stream_id": "gate", "zones": [{"name": "fixed", "polygon": [[0, 0], [1, 0], [0, 1]]}]}]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivesightProcess]:
    """A clip with the test engine, and a camera that nobody answers for, which is an alert after a second."""
    clip = make_numbered(tmp_path_factory.mktemp("clip") / "clip.mp4", CLIP)
    sources = ["--source", f"clip=file:{clip}", "--source", f"gate=rtsp://127.0.0.1:{free_port()}/gate"]
    down = {"name": "gate down", "when": {"type": "stream_down", "for_s": 1}, "severity": "critical", "clip": False}
    settings = {
        "MONITORING__RULES": json.dumps([down]),
        "MONITORING__SCENES": json.dumps(CONFIGURED),
        "MONITORING__EVENTS__GONE_S": "0.5",
        "MONITORING__DRIFT__EVERY_S": "1",  # so that there is something to compare within seconds
        "MONITORING__DRIFT__PICTURE_EVERY_S": "0.5",
        "MONITORING__DRIFT__LEAST_PICTURES": "5",
    }
    with LivesightProcess(sources, settings, python=NUMBER_LIVESIGHT) as process:
        yield process


def put(service: LivesightProcess, path: str, body: Any) -> None:
    request = urllib.request.Request(service.url + path, json.dumps(body).encode(), method="PUT")
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status in (200, 201)


def delete(service: LivesightProcess, path: str) -> None:
    with urllib.request.urlopen(urllib.request.Request(service.url + path, method="DELETE"), timeout=10) as answer:
        assert answer.status in (200, 204)


async def click_at(page: Page, canvas: Locator, x: float, y: float) -> None:
    """At shares of the picture."""
    box = await canvas.bounding_box()
    assert box is not None
    await page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


async def drag(page: Page, canvas: Locator, start: tuple[float, float], end: tuple[float, float]) -> None:
    box = await canvas.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    await page.mouse.down()
    await page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=4)
    await page.mouse.up()


async def open_zones(page: Page, service: LivesightProcess, stream: str) -> Locator:
    await page.goto(f"{service.url}/#/cameras")
    await page.get_by_role("button", name=f"Zones of {stream}").click()
    await expect(page.locator("#scene-dialog")).to_be_visible()
    return page.locator("#scene-canvas")


def near(found: list[list[float]], wanted: list[tuple[float, float]]) -> bool:
    pairs = zip(found, wanted, strict=True)
    return all(abs(x - wx) < 0.01 and abs(y - wy) < 0.01 for (x, y), (wx, wy) in pairs)


CHARTED = """(place) => [...document.querySelectorAll(`${place} canvas`)].some((canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const isFirst = (at) => [11, 143, 129].every((value, band) => Math.abs(value - data[at + band]) < 12);
  return data.filter((_, at) => at % 4 === 0 && data[at + 3] > 100 && isFirst(at)).length > 150;
})"""


async def charted(page: Page, place: str) -> None:
    """Wait until a chart there has drawn more of its first series than its entry in the legend."""
    await until_true(page, CHARTED, place)


async def test_zones_and_lines_are_drawn_and_their_events_appear(service: LivesightProcess) -> None:
    async with chromium() as browser, opened(browser, service) as (page, _):
        canvas = await open_zones(page, service, "clip")
        await expect(page.locator("#scene-image")).to_be_visible(timeout=30 * SECOND)
        await page.get_by_role("button", name="Draw a zone").click()
        corners = [(0.30, 0.20), (0.62, 0.20), (0.62, 0.95), (0.30, 0.95)]
        for corner in [*corners, corners[0]]:  # the first one again closes it
            await click_at(page, canvas, *corner)
        await page.locator("#scene-form").get_by_label("Name").fill("entrance")
        await drag(page, canvas, corners[1], (0.70, 0.25))
        await page.get_by_role("button", name="Draw a line").click()
        await click_at(page, canvas, 0.5, 0.98)
        await click_at(page, canvas, 0.5, 0.02)
        await page.locator("#scene-form").get_by_label("Name").fill("door")
        assert await faults(page) == []
        if path := artifact("zones.png"):
            await page.screenshot(path=path)
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.locator("#scene-dialog")).to_be_hidden()

        scene = service.get_json("/v1/zones/clip")
        assert [zone["name"] for zone in scene["zones"]] == ["entrance"]
        assert near(scene["zones"][0]["polygon"], [corners[0], (0.70, 0.25), *corners[2:]])
        assert near([scene["lines"][0]["start"], scene["lines"][0]["end"]], [(0.5, 0.98), (0.5, 0.02)])

        await page.goto(f"{service.url}/#/events?view=events")
        rows = page.locator(".event")
        await page.locator("#events-tools [name=kind]").select_option("zone_entered")
        await expect(rows.filter(has_text="Entered entrance").first).to_be_visible(timeout=60 * SECOND)
        await page.locator("#events-tools [name=kind]").select_option("line_crossed")
        await expect(rows.filter(has_text="Crossed door, in").first).to_be_visible(timeout=60 * SECOND)
        await page.get_by_role("radio", name="Tracks").check()
        track = rows.filter(has_text="entrance").filter(has_text="door in").filter(has=page.locator("img"))
        await expect(track.first).to_be_visible(timeout=60 * SECOND)
        await expect(rows.first.locator(".badge").filter(has_text="In view")).to_be_visible(timeout=60 * SECOND)


async def test_a_zone_is_drawn_with_the_keys_alone(service: LivesightProcess) -> None:
    put(service, "/v1/zones/clip", {"zones": [], "lines": []})
    async with chromium() as browser, opened(browser, service) as (page, _):
        await open_zones(page, service, "clip")
        await expect(page.locator("#scene-save")).to_be_enabled()
        await page.get_by_role("button", name="Draw a zone").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".scene-handle").first).to_be_focused()
        await page.keyboard.press("Shift+ArrowLeft")
        await page.keyboard.press("ArrowUp")
        await page.locator("#scene-save").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#scene-dialog")).to_be_hidden()
        first = service.get_json("/v1/zones/clip")["zones"][0]["polygon"][0]
        assert first == pytest.approx([0.25, 0.295])


async def test_what_the_configuration_says_is_shown_and_not_changed(service: LivesightProcess) -> None:
    async with chromium() as browser, opened(browser, service) as (page, _):
        await open_zones(page, service, "gate")
        await expect(page.locator("#scene-list")).to_contain_text("fixed")
        await expect(page.locator("#scene-error")).to_contain_text("configuration")
        await expect(page.get_by_role("button", name="Draw a zone")).to_be_disabled()
        await expect(page.locator("#scene-save")).to_be_disabled()


async def test_events_are_filtered_counted_and_come_by_themselves(service: LivesightProcess) -> None:
    async with chromium() as browser, opened(browser, service) as (page, witness):
        await page.goto(f"{service.url}/#/events")
        rows = page.locator(".event")
        await expect(rows.first).to_be_visible(timeout=30 * SECOND)
        await charted(page, "#chart-events")
        await page.get_by_role("radio", name="Single events").check()
        await page.locator("#events-tools [name=stream]").select_option("gate")
        await expect(rows.filter(has_text="clip")).to_have_count(0)
        await expect(rows.filter(has_text="Camera down").first).to_be_visible()
        href = await page.locator("#events-csv").get_attribute("href")
        assert href is not None
        csv = service.get(href).decode()
        assert "stream_down" in csv and "track_began" not in csv

        await page.get_by_role("button", name="Reset").click()
        await page.locator("#events-tools [name=kind]").select_option("track_began")
        await expect(rows.first).to_be_visible()
        newest = await rows.first.get_attribute("data-id")
        asked = len([path for _, path in witness.requests if path == "/v1/events"])
        await expect(rows.first).not_to_have_attribute("data-id", newest or "", timeout=40 * SECOND)
        assert len([path for _, path in witness.requests if path == "/v1/events"]) > asked
        await rows.first.get_by_role("button").click()
        await expect(page.locator("#event-body")).to_contain_text("clip")
        assert await faults(page) == []
        await page.locator("#event-body").get_by_role("link", name="clip").click()
        await expect(page.locator("#event-dialog")).to_be_hidden()
        await expect(page.locator("#tile-clip")).to_be_visible()


async def test_alerts_are_on_every_page_and_are_seen(service: LivesightProcess) -> None:
    async with chromium() as browser, opened(browser, service) as (page, _):
        await expect(page.locator("#tile-gate .tile-alert")).to_be_visible(timeout=60 * SECOND)
        bell = page.locator("#bell")
        await expect(bell).to_be_visible()
        await bell.click()
        card = page.locator('.alert[data-severity="critical"]').first
        await expect(card).to_contain_text("gate down")
        await card.get_by_role("button", name="Acknowledge").click()
        await expect(card).to_contain_text("Acknowledged by")
        await expect(bell).to_be_hidden()
        assert service.get_json("/v1/alerts?state=acknowledged")["alerts"]


async def test_fifty_alerts_are_seen_at_once_by_mouse_by_keys_and_on_a_phone(service: LivesightProcess) -> None:
    rules = [f"many {number:02}" for number in range(50)]
    for rule in rules:
        put(service, f"/v1/rules/{rule.replace(' ', '%20')}", {"when": {"type": "seen"}, "streams": ["clip"]})
    unseen = "/v1/alerts?state=unacknowledged&stream=clip&limit=500"
    async with chromium() as browser, opened(browser, service) as (page, _):
        async with asyncio.timeout(120):
            while len(service.get_json(unseen)["alerts"]) < len(rules):
                await asyncio.sleep(0.5)
        for rule in rules:
            delete(service, f"/v1/rules/{rule.replace(' ', '%20')}")
        await page.goto(f"{service.url}/#/alerts?state=unacknowledged&stream=clip")
        cards = page.locator(".alert")
        await expect(cards).to_have_count(50, timeout=30 * SECOND)
        loaded = "[...document.querySelectorAll('.alert img')].some(({ naturalWidth }) => naturalWidth > 0)"
        await until_true(page, loaded)
        assert await faults(page) == []
        if path := artifact("alerts-many.png"):
            await page.screenshot(path=path)

        see = page.locator("#alerts-see")
        for at in (0, 1):  # by mouse: two of them
            await cards.nth(at).get_by_role("checkbox").check()
        await expect(see).to_have_text("Acknowledge 2")
        await see.click()
        await expect(page.locator("#toasts")).to_contain_text("2 alerts were acknowledged")
        await expect(cards).to_have_count(48)
        await page.locator("#alerts-all").focus()  # by keys: all that are shown
        await page.keyboard.press("Space")
        await expect(see).to_have_text("Acknowledge 48")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Alerts", exact=True)).to_be_focused()
        await expect(cards).to_have_count(0)
        assert service.get_json(unseen)["alerts"] == []

        await page.locator("#alerts-tools [name=state]").select_option("acknowledged")
        await expect(cards).to_have_count(50)
        await page.locator("#alerts-tools [name=rule]").select_option("many 07")
        await expect(cards).to_have_count(1)
        address = page.url
        await page.reload()
        await expect(cards).to_have_count(1)
        await page.go_back()
        await expect(cards).to_have_count(50)
        await page.goto(address)
        await expect(page.locator("#alerts-tools [name=rule]")).to_have_value("many 07")
        await expect(cards).to_have_count(1)
        for alert in service.get_json("/v1/alerts?state=acknowledged&stream=clip&limit=500")["alerts"]:
            delete(service, f"/v1/alerts/{alert['id']}/acknowledge")
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.goto(f"{service.url}/#/alerts?state=unacknowledged&stream=clip")
        await expect(cards).to_have_count(50)
        await until_fits(page, 390)
        if path := artifact("alerts-many-phone.png"):
            await page.screenshot(path=path)
        await page.get_by_role("button", name="Acknowledge all that match").click()
        await page.locator("#confirm-dialog").get_by_role("button", name="Acknowledge all").click()
        await expect(cards).to_have_count(0, timeout=30 * SECOND)
        assert service.get_json(unseen)["alerts"] == []


async def eighty(route: Route) -> None:
    """The models as they are, but the detectors have eighty labels."""
    answer = await route.fetch()
    body = await answer.json()
    for model in body["models"]:
        if model["card"]["task"] == "detect":
            model["card"]["classes"] = [f"thing_{number:02}" for number in range(79)] + ["number"]
    await route.fulfill(response=answer, json=body)


async def test_one_of_eighty_labels_is_put_into_a_rule_which_is_tried(service: LivesightProcess) -> None:
    async with chromium() as browser, opened(browser, service) as (page, _):
        await page.route("**/v1/models", eighty)
        async with asyncio.timeout(60):
            while not service.get_json("/v1/events?kind=track_began&stream=clip&limit=1")["events"]:
                await asyncio.sleep(0.5)
        await page.goto(f"{service.url}/#/alerts")
        await page.get_by_role("button", name="Add a rule").click()
        form = page.locator("#rule-form")
        labels = form.get_by_role("group", name="Labels")
        await expect(labels.get_by_role("checkbox")).to_have_count(80)
        await labels.get_by_role("checkbox", name="thing 03").check()  # by mouse
        find = labels.get_by_role("searchbox", name="Find a label")
        await find.fill("thing 7")
        await expect(labels.get_by_role("checkbox")).to_have_count(9)
        await find.press("Enter")  # by keys: the first that is found
        await find.press_sequentially("umbrella")
        await expect(labels).to_contain_text("No model of these cameras has a label")
        await find.press("Enter")
        await expect(labels).to_contain_text("“umbrella”")
        await find.press_sequentially("numb")
        await find.press("Enter")
        chosen = labels.locator("input:checked")
        assert await chosen.evaluate_all("(all) => all.map(({ value }) => value).sort()") == [
            "number", "thing_03", "thing_70", "umbrella"
        ]  # fmt: skip
        await page.keyboard.press("Tab")  # eighty labels are one stop of the keyboard
        await expect(labels.get_by_role("checkbox").first).to_be_focused()
        await page.keyboard.press("ArrowDown")
        await expect(labels.get_by_role("checkbox").nth(1)).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(form.locator("[name=zone]")).to_be_focused()
        for name in ("thing 03", "thing 70", "umbrella"):
            await labels.get_by_role("checkbox", name=name).uncheck()
        await form.get_by_label("For at least (seconds)", exact=True).fill("0")
        await form.get_by_label("Minimum time between alerts (seconds)").fill("0")
        await form.get_by_role("button", name="Try it").click()
        await expect(page.locator("#rule-trial")).to_contain_text("In the last 7 days this would have raised")
        await expect(page.locator("#rule-trial li").first).to_contain_text("number")
        assert await faults(page) == []
        if path := artifact("rule-tried.png"):
            await page.screenshot(path=path)
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.locator("#rule-trial").scroll_into_view_if_needed()
        await until_fits(page, 390)
        if path := artifact("rule-tried-phone.png"):
            await page.screenshot(path=path)
        await form.get_by_label("Name").fill("numbers")
        await expect(page.locator("#rule-trial li")).to_have_count(0)  # what was tried is another rule now
        await form.get_by_role("button", name="Save").click()
        await expect(page.locator('.rule[data-rule="numbers"]')).to_be_visible()
        assert service.get_json("/v1/rules/numbers")["when"]["labels"] == ["number"]
        delete(service, "/v1/rules/numbers")


async def test_a_rule_is_made_changed_and_deleted(service: LivesightProcess) -> None:
    async with chromium() as browser, opened(browser, service) as (page, _):
        await page.goto(f"{service.url}/#/alerts")
        fixed = page.locator('.rule[data-rule="gate down"]')
        await expect(fixed).to_contain_text("set by the configuration")
        await expect(fixed.get_by_role("button")).to_have_count(0)
        await page.get_by_role("button", name="Add a rule").click()
        form = page.locator("#rule-form")
        await form.get_by_label("Name").fill("crowd")
        await form.get_by_label("When").select_option("count")
        await form.get_by_label("More than", exact=True).fill("0")
        await form.get_by_label("For at least (seconds)", exact=True).fill("0.5")
        assert await faults(page) == []
        await form.get_by_role("button", name="Save").click()
        card = page.locator('.rule[data-rule="crowd"]')
        await expect(card).to_contain_text("More than 0 objects for 0.5 s")
        await page.locator("#alerts-tools [name=state]").select_option("")
        await expect(page.locator(".alert").filter(has_text="rule crowd").first).to_be_visible(timeout=60 * SECOND)
        await card.get_by_role("button", name="Turn off").click()
        await expect(card.locator(".badge")).to_have_text("Off")
        assert service.get_json("/v1/rules/crowd")["enabled"] is False
        await card.get_by_role("button", name="Delete").click()
        await page.locator("#confirm-dialog").get_by_role("button", name="Delete").click()
        await expect(card).to_have_count(0)


async def test_a_camera_is_learnt_anew(service: LivesightProcess) -> None:
    async with chromium() as browser, opened(browser, service) as (page, _):
        await page.goto(f"{service.url}/#/monitoring")
        await page.get_by_role("button", name="Reset reference of clip").click(timeout=60 * SECOND)
        async with page.expect_response("**/v1/drift/clip/commission") as answered:
            await page.locator("#confirm-dialog").get_by_role("button", name="Reset reference").click()
        assert (await answered.value).status == 202
        await expect(page.locator("#toasts")).to_contain_text("learns a new reference for clip")


FULL = {
    "live": "livesight-view[data-pts-us]",
    "cameras": "#camera-list .camera",
    "events": "#chart-events canvas",
    "alerts": ".alert",
    "monitoring": ".drift-detail canvas",
    "health": "#chart-latency canvas",
    "models": "#model-list .model",
}


@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_pages_that_are_full(service: LivesightProcess, scheme: Any) -> None:
    """With events, alerts and reports there: no serious fault, nothing wider than the screen; screenshots."""
    async with chromium() as browser, opened(browser, service, color_scheme=scheme) as (page, _):
        await page.wait_for_timeout(1500)
        for name, full in FULL.items():
            await page.goto(f"{service.url}/#/{name}")
            await expect(page.locator(full).first).to_be_attached(timeout=60 * SECOND)
            if full.endswith(" canvas"):
                await charted(page, full.removesuffix(" canvas"))
            assert await faults(page) == [], name
            for size, (width, height) in SIZES.items():
                await page.set_viewport_size({"width": width, "height": height})
                await page.wait_for_timeout(300)  # charts redraw themselves
                await until_fits(page, width)
                if path := artifact(f"full-{name}-{scheme}-{size}.png"):
                    await page.screenshot(path=path)


async def test_nothing_is_wider_than_the_screen_at_any_width(service: LivesightProcess) -> None:
    async with chromium() as browser, opened(browser, service) as (page, _):
        await expect(page.locator("livesight-view[data-pts-us]").first).to_be_attached(timeout=60 * SECOND)
        for width in (320, 390, 600, 700, 820, 1000, 1180, 1280, 1400, 1600, 1920):
            await page.set_viewport_size({"width": width, "height": 700})
            await until_fits(page, width)


async def test_the_report_is_a_page_of_its_own(service: LivesightProcess, tmp_path: Path) -> None:
    """It shows in the browser as it is served, and as a file without a server, and fetches nothing."""
    file = tmp_path / "report.html"
    file.write_bytes(service.get("/v1/report?since=24h"))
    async with chromium() as browser, opened(browser, service, "/v1/report?since=24h") as (page, witness):
        await expect(page.locator("h1")).to_have_text("Livesight report")
        await expect(page.get_by_role("heading", name="Alerts", exact=True)).to_be_visible()
        assert await page.evaluate("getComputedStyle(document.body).maxWidth") == "900px"  # its style is allowed
        assert await faults(page) == []
        await page.goto(f"{service.url}/#/monitoring")
        await expect(page.locator("#runs-note")).to_contain_text("monitoring.mlflow_url")
        assert await page.locator("#report-link").get_attribute("href") == "/v1/report?since=7d"
        await page.goto(f"{service.url}/v1/report?since=24h")
        if path := artifact("report.png"):
            await page.screenshot(path=path, full_page=True)
        asked = len(witness.requests)
        await page.goto(file.as_uri())
        await expect(page.locator("svg").first).to_be_visible()
        assert [url for url in witness.foreign if not url.startswith("file:")] == []
        witness.foreign.clear()
        assert len(witness.requests) == asked + 1
