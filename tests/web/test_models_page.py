"""The models page: what serves whom, a promotion with its progress, a refusal with its reason, a rollback. Chromium."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from stream.config import StreamConfig
from tests.api.conftest import Service, running
from tests.api.test_page import opened
from tests.peers.chromium import chromium, until_fits
from tests.peers.colour_models import COLOURS, write_colour_model, write_square_model
from tests.peers.ports import free_port
from tests.web.test_pages import artifact, faults
from workers.model_card import CARD_FILE, ModelCard, ModelStore
from workers.registry.promotion import Promotion

pytestmark = pytest.mark.timeout(300)

MEASURED = {
    "map50": 0.853,
    "at_thresholds": {"precision": 0.9, "recall": 0.892},
    "by_size": {"small": {"map50": 0.387}},
    "latency_ms": {"total": {"p50": 39.77}},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """`squares` 1 serves a camera; 2 is beside it, and 3, of which a file is cut off. Two classifiers."""
    folder = tmp_path_factory.mktemp("models")
    own, promoted = folder / "own", folder / "models"
    measured = write_square_model(own) / CARD_FILE
    card = ModelCard.model_validate_json(measured.read_bytes())
    measured.write_text(card.model_copy(update={"metrics": {"full": MEASURED}}).model_dump_json(by_alias=True))
    write_square_model(promoted, 2)
    (write_square_model(promoted, 3) / "model.bin").write_bytes(b"cut off")
    write_square_model(own, classes=("cat", "dog", "cow"), name="animals")
    write_colour_model(own, applies_to=COLOURS)
    write_colour_model(own, "scene", applies_to="image")
    with running(folder, store=ModelStore([promoted, own], promoted=promoted)) as service:
        url = f"rtsp://127.0.0.1:{free_port()}/yard"
        service.node.streams.add(StreamConfig(id="yard", url=url, models=("squares",)))
        yield service


async def confirmed(page: Page, button: Locator, verb: str) -> None:
    """By the keyboard alone."""
    await button.focus()
    await page.keyboard.press("Enter")
    yes = page.locator("#confirm-dialog").get_by_role("button", name=verb, exact=True)
    await expect(yes).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(yes).to_be_focused()
    await page.keyboard.press("Enter")


async def photographed(page: Page, name: str) -> None:
    """Desktop and phone: nothing wider than the screen, no serious fault."""
    for width, height in ((390, 844), (1280, 800)):
        await page.set_viewport_size({"width": width, "height": height})
        await until_fits(page, width)
        if path := artifact(f"{name}-{width}.png"):
            await page.screenshot(path=path)
    assert await faults(page) == []


async def test_promote_see_a_refusal_and_roll_back(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    promotions, may_end = service.node.models.promotions, threading.Event()
    promote = promotions.promote

    def held(name: str, version: int, **more: Any) -> Promotion:
        assert may_end.wait(120)
        return promote(name, version, **more)

    monkeypatch.setattr(promotions, "promote", held)
    async with chromium() as browser, opened(browser, service, "/#/models") as (page, witness):
        card = page.locator('.model[data-model="squares"]')
        await expect(page.locator('[data-task="detect"] h2')).to_have_text("Detectors")
        await expect(page.locator('[data-task="classify"] .model')).to_have_count(2)
        await expect(card.locator("h3")).to_have_text("squares version 1")
        await expect(card.locator(".badge")).to_have_text("In service")
        await expect(card.locator(".facts")).to_contain_text("as installed")
        await expect(card.locator(".facts")).to_contain_text("yard")
        await expect(page.locator('[data-model="animals"] .badge')).to_have_text("Not in use")
        figures = card.locator(".key-figure")
        await expect(figures).to_have_count(5)
        await expect(figures.nth(1)).to_contain_text("89.2 %")
        await figures.nth(1).locator("summary").click()
        await expect(figures.nth(1)).to_contain_text("overlooked")
        await expect(card.get_by_role("button", name="Roll back")).to_have_count(0)
        await photographed(page, "models-before")

        await card.get_by_role("button", name="Promote squares version 2").click()
        await page.locator("#confirm-dialog").get_by_role("button", name="Promote", exact=True).click()
        await expect(card.get_by_role("progressbar")).to_be_visible()
        await expect(card.locator("h3")).to_be_focused()  # the keyboard stays with the model
        await expect(card.locator(".promotion")).to_contain_text("Putting version 2 in service")
        await expect(card.get_by_role("button", name="Promote squares version 3")).to_be_disabled()
        await expect(figures.nth(1)).to_have_attribute("open", "")
        await photographed(page, "models-progress")
        may_end.set()
        await expect(card.locator("h3")).to_have_text("squares version 2", timeout=60_000)
        await expect(card.get_by_role("progressbar")).to_have_count(0)
        await expect(card.locator(".facts")).not_to_contain_text("as installed")
        assert service.node.models.loaded()["squares"][0] == 2

        await confirmed(page, card.get_by_role("button", name="Promote squares version 3"), "Promote")
        refusal = card.locator(".camera-trouble")
        await expect(refusal).to_contain_text("Version 3 was not put in service; version 2 stays.", timeout=60_000)
        await expect(refusal).to_contain_text("One of its files is not what its card says")
        await expect(refusal).to_contain_text("model.bin: sha256 is")
        await photographed(page, "models-refused")

        await page.set_viewport_size({"width": 390, "height": 844})
        await confirmed(page, card.get_by_role("button", name="Roll back squares to version 1"), "Roll back")
        await expect(card.locator("h3")).to_have_text("squares version 1", timeout=60_000)
        await expect(refusal).to_have_count(0)
        assert service.node.models.loaded()["squares"][0] == 1

        async def lost(route: Route) -> None:
            await route.fetch()
            await route.abort()

        await page.route("**/v1/models/squares/promote", lost)
        may_end.clear()
        await confirmed(page, card.get_by_role("button", name="Promote squares version 2"), "Promote")
        await expect(refusal).to_contain_text("It is not known whether version 2 is being put in service.")
        may_end.set()
        await expect(card.locator("h3")).to_have_text("squares version 2", timeout=60_000)
        await expect(refusal).to_have_count(0)
        witness.complaints.clear()  # the browser tells of the answer that was lost


async def test_a_camera_takes_the_classifiers_that_apply_to_what_its_detectors_find(service: Service) -> None:
    async with chromium() as browser, opened(browser, service, "/#/cameras") as (page, _):
        await page.locator('.camera[data-stream="yard"]').get_by_role("button", name="Edit").click()
        form = page.locator("#add-dialog")
        squares, animals = form.get_by_label("squares", exact=True), form.get_by_label("animals", exact=True)
        colour, scene = form.get_by_label("colour", exact=True), form.get_by_label("scene", exact=True)
        await expect(squares).to_be_checked()
        await expect(animals).to_have_accessible_description("cat, dog, cow")
        await expect(scene).to_be_enabled()
        await colour.check()
        await photographed(page, "camera-form-classifiers")

        await squares.focus()
        await page.keyboard.press("Space")  # squares off
        await expect(colour).to_be_disabled()
        await expect(colour).not_to_be_checked()
        await expect(colour).to_have_accessible_description("Needs a detector of red, green, blue.")
        await animals.check()
        await expect(colour).to_be_disabled()
        await squares.check()
        await expect(colour).to_be_checked()
        await animals.uncheck()
        await scene.check()
        await page.set_viewport_size({"width": 390, "height": 844})
        await form.get_by_role("button", name="Save changes").click()
        await expect(form).to_be_hidden(timeout=60_000)
        assert set(service.node.streams.view("yard").models) == {"squares", "colour", "scene"}
        await expect(page.locator('.camera[data-stream="yard"] .facts')).to_contain_text("squares, colour, scene")

        await page.locator('.camera[data-stream="yard"]').get_by_role("button", name="Edit").click()
        await expect(colour).to_be_checked()
        await expect(scene).to_be_checked()
        await colour.uncheck()
        await form.get_by_role("button", name="Save changes").click()
        await expect(form).to_be_hidden(timeout=60_000)
        assert set(service.node.streams.view("yard").models) == {"squares", "scene"}
