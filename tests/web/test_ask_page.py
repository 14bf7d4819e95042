"""The Ask page in a real browser on a working monitor: answers, plans, what goes on from them, what is kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from tests.api.test_page import opened
from tests.peers.chromium import chromium, until_true
from tests.web.test_pages import SIZES, artifact, faults
from tests.web.test_people_page import Hall, hall_of, press

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    """Anna was seen by two cameras, Ann and a stranger by one."""
    with hall_of(tmp_path_factory.mktemp("asked")) as hall:
        yield hall


async def test_questions_are_asked_changed_and_asked_on_by_keyboard(hall: Hall) -> None:
    async with chromium() as browser, opened(browser, hall.service, "/#/ask", color_scheme="dark") as (page, witness):
        box, answer = page.locator("#ask-form [name=question]"), page.locator(".answer")
        await expect(box).to_be_focused()
        for idea in await page.locator("#ask-ideas button").all_inner_texts():
            told = hall.ask("POST", "/v1/ask", json={"question": idea})
            assert told["status"] == "answered", told
        await box.fill("How many people were seen in the last hour?")
        await page.keyboard.press("Enter")
        words = answer.locator(".answer-words")
        await expect(words).to_contain_text("4")
        await expect(answer.locator(".track")).to_have_count(4)
        await expect(answer.locator(".plan")).to_contain_text("How many")
        await expect(answer.locator(".plan")).to_contain_text("last hour")
        assert await faults(page) == []
        for size, (width, height) in reversed(SIZES.items()):
            await page.set_viewport_size({"width": width, "height": height})
            await until_true(page, "(width) => document.documentElement.scrollWidth <= width", width)
            if path := artifact(f"ask-{size}.png"):
                await page.screenshot(path=path)

        await press(page, answer.locator(".plan summary"))
        camera = answer.get_by_role("combobox", name="Camera")
        await expect(camera).to_contain_text("yard")
        await camera.select_option("yard")
        await press(page, answer.get_by_role("button", name="Ask this"))
        await expect(answer.locator(".track")).to_have_count(1)
        await press(page, answer.get_by_role("button", name="Leave out: Camera: yard"))
        await expect(answer.locator(".track")).to_have_count(4)

        await box.fill("Who was seen at yard in the last hour?")
        await page.keyboard.press("Enter")
        await expect(words).to_contain_text("Anna")
        await press(page, answer.locator("[aria-label='Ask on'] button").first)
        await expect(page.locator("#ask-asked li")).to_have_count(3)
        await page.go_back()
        await expect(answer.locator("h2")).to_have_text("Who was seen at yard in the last hour?")
        await expect(words).to_contain_text("Anna")

        await box.fill("How is the weather?")
        await page.keyboard.press("Enter")
        await expect(answer).to_have_attribute("data-status", "abstained")
        await expect(answer.locator(".answer-warning")).to_contain_text("“weather”")
        await page.reload()
        await expect(page.locator("#ask-asked li")).to_have_count(4)  # kept as long as the window
        asked = [path for method, path in witness.requests if (method, path) == ("POST", "/v1/ask")]
        assert len(asked) == 6  # what is known is not asked again
        await press(page, page.locator("#ask-forget"))
        await expect(page.locator("#ask-history")).to_be_hidden()
