"""Pages speak as the cards of the models do: rules, tracks, events and boxes, and as before of what has no words."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Route, expect

from api.http.extension import Extension
from api.video.clip_cutter import ClipCutter
from monitoring.assembly import MonitoringContext
from monitoring.core.known_words import KnownWords
from monitoring.service import Monitoring
from monitoring.settings import MonitorSettings
from tests.api.conftest import Service, running
from tests.api.test_page import opened
from tests.monitoring.happened import message
from tests.monitoring.shop import until
from tests.peers.chromium import chromium, until_fits
from tests.peers.colour_models import write_square_model
from tests.web.test_pages import SIZES, artifact, faults
from workers.bus.result import Detection, FrameResult, Latency
from workers.model_card import CARD_FILE, ModelStore

pytestmark = pytest.mark.timeout(300)

WORDS = {
    "red": {"one": "a <b>triangle</b>", "many": "<b>triangles</b>", "name": "triangle"},
    "green": {"one": "a car", "many": "cars", "name": None},
}
RULES = [
    {"name": "shapes", "when": {"type": "count", "above": 2, "labels": ["red", "green"]}},
    {"name": "odd", "when": {"type": "seen", "labels": ["red", "blue"], "for_s": 1}},
    {"name": "came", "when": {"type": "event", "kinds": ["track_began"], "labels": ["green"]}},
]


def seen(number: int, label: str) -> Detection:
    """Of the detector `squares`."""
    left = 60.0 * number
    return Detection(detector="squares", track_id=number, label=label, confidence=0.9, xyxy=(left, 50, left + 40, 90))


def result(step: int) -> FrameResult:
    """Two triangles and a car, and something blue, which has no words."""
    labels = ("red", "red", "green", "blue")
    return FrameResult(
        stream_id="yard",
        session="01KAH0000000000000000000AA",
        frame=step,
        skipped=0,
        pts_us=step * 300_000,
        captured_at_ns=time.time_ns(),
        size_wh=(640, 360),
        node="test",
        detections=tuple(seen(number, label) for number, label in enumerate(labels, 1)),
        models={"squares": 1},
        latency_ms=Latency(decode=1, wait=1, inference=1, total=3),
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("words")
    card = write_square_model(folder / "own") / CARD_FILE
    card.write_text(json.dumps(json.loads(card.read_text()) | {"words": WORDS}))
    store = ModelStore([folder / "own"])
    made: list[Monitoring] = []

    def extensions(bus: Any, state_dir: Path) -> Iterable[Extension]:
        cut = ClipCutter(None, None)  # type: ignore[arg-type]
        context = MonitoringContext(state_dir, "test", bus, None, cut, words=KnownWords(store))
        rules = [rule | {"clip": False} for rule in RULES]
        made.append(Monitoring(MonitorSettings.model_validate({"gather_s": 0.05, "rules": rules}), context))
        return made

    with running(folder / "state", store=store, extensions=extensions) as service:
        (monitoring,) = made
        monitoring.start()
        until(lambda: monitoring.active)
        for step in range(8):
            service.bus.publish(message(result(step)))
        until(lambda: len(alerts(service)) == 3)
        yield service
        monitoring.close(10)


def alerts(service: Service) -> dict[str, str]:
    """Rule → text."""
    found = httpx.get(f"{service.url}/v1/alerts", timeout=60).raise_for_status().json()["alerts"]
    return {one["rule"]: one["text"] for one in found}


async def test_pages_and_alerts_speak_the_words_of_the_card(service: Service) -> None:
    """A card may say what it likes: it is text and stays text."""
    assert alerts(service) == {
        "shapes": "yard: 2 <b>triangles</b> and a car in view, more than 2",
        "odd": "yard: A <b>triangle</b> has been in view for 1 s",
        "came": "yard: A car has come into view",
    }
    async with chromium() as browser, opened(browser, service, "/#/alerts") as (page, _):
        await expect(page.locator('.rule[data-rule="shapes"]')).to_contain_text("More than 2 <b>triangles</b> or cars")
        await expect(page.locator('.rule[data-rule="odd"]')).to_contain_text(
            "A <b>triangle</b> or an object (blue) for 1 s"
        )
        await expect(page.locator('.rule[data-rule="came"]')).to_contain_text("Appeared, by a car")
        await expect(page.locator(".alert").filter(has_text="2 <b>triangles</b> and a car")).to_be_visible()
        await page.goto(f"{service.url}/#/events")
        rows = page.locator(".event")
        await expect(rows).to_have_count(4)
        told = sorted(await rows.locator("strong").all_inner_texts())
        assert told == ["A <b>triangle</b>", "A <b>triangle</b>", "A car", "An object (blue)"]
        await expect(page.locator("#events-tools [name=label]")).to_contain_text("triangle")
        for name, (width, height) in SIZES.items():
            await page.set_viewport_size({"width": width, "height": height})
            await until_fits(page, width)
            if path := artifact(f"words-{name}.png"):
                await page.screenshot(path=path)
        assert await faults(page) == []
        await rows.filter(has_text="triangle").first.get_by_role("button").click()
        await expect(page.locator("#track-title")).to_contain_text("A <b>triangle</b> 90 % #")
        await expect(page.locator("#track-body .facts")).to_contain_text("triangle")


async def test_who_may_not_see_results_is_not_refused_the_words(service: Service) -> None:
    """Such a question would stand in the audit trail; the pages speak without words then."""

    async def events_only(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, json=await answer.json() | {"actions": ["events", "rules"]})

    async with chromium() as browser, opened(browser, service, "/healthz") as (page, witness):
        await page.route("**/v1/session", events_only)
        await page.goto(f"{service.url}/#/alerts")
        await expect(page.locator('.rule[data-rule="odd"]')).to_contain_text("An object (red) or an object (blue)")
        assert "/v1/models" not in [path for _, path in witness.requests]
