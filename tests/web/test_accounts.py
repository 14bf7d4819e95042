"""Accounts in a real browser: the printed link, signing in and out, what is offered to whom, and the red banner."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.peers.chromium import chromium
from tests.peers.livesight_process import LivesightProcess

PASSWORD, OTHER = "correct horse battery", "seven green umbrellas"
PICTURES = os.environ.get("LIVESIGHT_TEST_PICTURES")
"""A folder for pictures of the pages, for who wants to look at them."""


@pytest.fixture(scope="module")
def service() -> Iterator[LivesightProcess]:
    settings = {"AUTH__MODE": "accounts", "AUTH__RECHECK_S": "1", "LOG_FORMAT": "json"}
    with LivesightProcess(command="demo", settings=settings) as running:
        yield running


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with chromium() as browser:
        context = await browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="dark")
        yield await context.new_page()


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def setup_url(service: LivesightProcess) -> str:
    records = [json.loads(line) for line in service.log(100_000).splitlines() if '"event": "first_admin"' in line]
    return str(records[-1]["url"])


async def sign_in(page: Page, name: str, password: str) -> None:
    await page.get_by_role("textbox", name="Name").fill(name)
    await page.locator(".gate").get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in").click()


async def test_from_the_printed_link_to_logging_out(service: LivesightProcess, page: Page) -> None:
    await page.goto(f"{service.url}/#/cameras")
    await expect(page.get_by_text("Open the link that the service printed")).to_be_visible()
    await page.goto(setup_url(service))
    await expect(page.get_by_role("heading", name="Create the first account")).to_be_visible()
    await picture(page, "setup")
    await page.get_by_role("textbox", name="Name").fill("Ada")
    await page.get_by_label(re.compile("^Password, at least")).fill(PASSWORD)
    await page.get_by_label("Password again").fill(PASSWORD + "!")
    await page.get_by_role("button", name="Create the first account").click()
    await expect(page.get_by_role("alert").filter(has_text="differ")).to_be_visible()
    await page.get_by_label("Password again").fill(PASSWORD)
    await page.get_by_role("button", name="Create the first account").click()
    await expect(page.locator(".tile[data-state=live]")).to_be_visible()
    await picture(page, "live")

    await page.get_by_role("link", name="Users").click()
    await page.get_by_role("button", name="Add a user").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Bo")
    await dialog.get_by_label("Password").fill(OTHER)
    await picture(page, "add-user")
    await dialog.get_by_role("button", name="Add", exact=True).click()
    await expect(page.locator('[data-user="Bo"]')).to_contain_text("viewer of all cameras")
    await page.get_by_role("button", name="Disable: Ada").click()
    await page.get_by_role("button", name="Disable", exact=True).click()
    await expect(page.get_by_text("nobody could manage accounts any more")).to_be_visible()
    await picture(page, "users")

    await page.get_by_role("link", name="Audit").click()
    await expect(page.locator("#audit-rows tr").filter(has_text="signed in")).to_have_count(1)
    await expect(page.locator("#audit-rows tr").filter(has_text="changed").filter(has_text="/v1/users")).to_have_count(
        1
    )
    await page.get_by_label("What happened").select_option(label="watched live")
    await expect(page.locator("#audit-rows tr").filter(has_text="/v1/streams/demo/video").first).to_be_visible()
    await expect(page.locator("#audit-rows tr").filter(has_text="signed in")).to_have_count(0)
    await page.get_by_role("button", name="Verify").click()
    await expect(page.get_by_text("nothing was removed, changed or reordered")).to_be_visible()
    await picture(page, "audit")

    await page.get_by_role("button", name="Account Ada").click()
    await picture(page, "menu")
    await page.get_by_role("button", name="Log out", exact=True).click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.url.endswith("#/audit")
    await picture(page, "sign-in")
    await sign_in(page, "ada", "wrong password")
    await expect(page.get_by_role("alert").filter(has_text="wrong")).to_be_visible()
    await sign_in(page, "ada", PASSWORD)
    await expect(page.get_by_role("heading", name="Audit")).to_be_visible()
    await expect(page.locator("#audit-rows tr").filter(has_text="failed to sign in")).to_have_count(1)


async def test_a_viewer_is_offered_what_a_viewer_may_and_pictures_end(service: LivesightProcess, page: Page) -> None:
    await page.emulate_media(color_scheme="light")
    await page.goto(service.url)
    await sign_in(page, "Bo", OTHER)
    await expect(page.locator(".tile[data-state=live]")).to_be_visible()
    await expect(page.get_by_role("link", name="Events")).to_be_visible()
    await expect(page.get_by_role("link", name="Users")).to_be_hidden()
    await expect(page.get_by_role("button", name="Add a camera").first).to_be_hidden()
    await picture(page, "viewer")
    other = await page.context.new_page()
    await other.goto(service.url)
    await other.get_by_role("button", name="Account Bo").click()
    await other.get_by_role("button", name="Log out everywhere").click()
    await expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.bring_to_front()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=30_000)
    assert await page.locator("livesight-view").count() == 0, "no picture stays"
    await picture(page, "sign-in-light")


async def test_an_insecure_service_says_so_on_every_page(page: Page) -> None:
    arguments = ("--insecure", "--host", "0.0.0.0", "--roles", "node,api")
    with LivesightProcess(arguments, {"LOG_FORMAT": "json", "API__ALLOWED_HOSTS": "127.0.0.1"}) as service:
        assert any("LIVESIGHT_AUTH__MODE" in reason for reason in service.get_json("/readyz")["reasons"])
        for address in ("", "#/cameras", "#/health", "#/models"):
            await page.goto(f"{service.url}/{address}")
            await expect(page.get_by_role("alert").filter(has_text="Not secure")).to_be_visible()
        await expect(page.get_by_role("button", name=re.compile("Service state: Degraded"))).to_be_visible()
        await picture(page, "insecure")
