"""Signing in at Keycloak itself, in a real browser, and out at either side (`make test-oidc`)."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.peers.chromium import chromium
from tests.peers.kafka_jars import Unavailable
from tests.peers.keycloak import CLIENT, SECRET, Keycloak
from tests.peers.livesight_process import LivesightProcess

pytestmark = [pytest.mark.keycloak, pytest.mark.timeout(600)]

PICTURES = os.environ.get("LIVESIGHT_TEST_PICTURES")
"""A folder for pictures of the pages, for who wants to look at them."""

RECHECK_S = 3
GROUPS = {"guards": [{"role": "viewer"}], "managers": [{"role": "admin"}]}


@pytest.fixture(scope="module")
def house() -> Iterator[tuple[LivesightProcess, Keycloak]]:
    """The service and its provider, each of which knows where the other is."""
    service = LivesightProcess(command="demo")
    try:
        keycloak = Keycloak(service.url)
        with keycloak:
            settings = {
                "AUTH__MODE": "accounts",
                "AUTH__RECHECK_S": "1",
                "AUTH__OIDC__ISSUER": keycloak.issuer,
                "AUTH__OIDC__CLIENT_ID": CLIENT,
                "AUTH__OIDC__CLIENT_SECRET": SECRET,
                "AUTH__OIDC__GROUPS": json.dumps(GROUPS),
                "AUTH__OIDC__LABEL": "Keycloak",
                "AUTH__OIDC__RECHECK_S": str(RECHECK_S),
                "LOG_FORMAT": "json",
            }
            service.set(settings)
            with service:
                yield service, keycloak
    except Unavailable as reason:
        pytest.skip(f"Keycloak cannot be used: {reason}")


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with chromium() as browser:
        context = await browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="dark")
        yield await context.new_page()


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=str(Path(PICTURES) / f"keycloak-{name}.png"))


async def sign_in(page: Page, name: str) -> None:
    """From the page to sign in at to wherever Keycloak sends the browser back to."""
    await page.get_by_role("link", name="Sign in with Keycloak").click()
    await page.locator("#username").fill(name)
    await page.locator("#password").fill(f"{name}'s password")
    await picture(page, "its-page")
    await page.locator("#kc-login").click()


async def signed_out(page: Page) -> None:
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=30_000)
    assert await page.locator("livesight-view").count() == 0, "no picture stays"


async def test_signing_in_by_group_and_out_here(house: tuple[LivesightProcess, Keycloak], page: Page) -> None:
    service, keycloak = house
    await page.goto(f"{service.url}/#/cameras")
    await expect(page.get_by_role("link", name="Sign in with Keycloak")).to_be_visible()
    await picture(page, "sign-in")
    await sign_in(page, "ada")
    await expect(page.get_by_role("button", name="Account ada")).to_be_visible()
    assert page.url == f"{service.url}/#/cameras", "back where the browser wanted to go"
    await expect(page.get_by_role("link", name="Users")).to_be_visible()
    await page.get_by_role("link", name="Users").click()
    await expect(page.locator('[data-user="ada"]')).to_contain_text("admin of all cameras")
    await picture(page, "users")
    assert await asyncio.to_thread(keycloak.sessions, "ada") == 1

    await page.get_by_role("button", name="Account ada").click()
    await page.get_by_role("button", name="Log out", exact=True).click()
    await signed_out(page)
    assert page.url.startswith(service.url), "Keycloak sent the browser back by itself"
    assert await asyncio.to_thread(keycloak.sessions, "ada") == 0, "and the session there ended"
    await page.get_by_role("link", name="Sign in with Keycloak").click()
    await expect(page.locator("#password")).to_be_visible()


async def test_a_group_taken_away_and_given(house: tuple[LivesightProcess, Keycloak], page: Page) -> None:
    service, keycloak = house
    await page.goto(service.url)
    await sign_in(page, "bo")
    await expect(page.get_by_role("alert").filter(has_text="in no group")).to_be_visible()
    assert "sign-in=" not in page.url
    await picture(page, "no-group")
    await asyncio.to_thread(keycloak.set_group, "bo", "managers", True)
    await asyncio.to_thread(keycloak.set_group, "bo", "guards", True)
    await page.get_by_role("link", name="Sign in with Keycloak").click()
    await page.locator("#password").fill("bo's password")  # it asks again, so that another account can be used
    await page.locator("#kc-login").click()
    await expect(page.locator(".tile[data-state=live]")).to_be_visible()
    await expect(page.get_by_role("link", name="Users")).to_be_visible()

    await asyncio.to_thread(keycloak.set_group, "bo", "managers", False)
    await grants(page, ["viewer"])
    await page.reload()
    await expect(page.locator(".tile[data-state=live]")).to_be_visible()
    await expect(page.get_by_role("link", name="Users")).to_be_hidden()
    await picture(page, "guard")
    await asyncio.to_thread(keycloak.set_group, "bo", "guards", False)
    await signed_out(page)
    await picture(page, "after")


async def grants(page: Page, roles: list[str]) -> None:
    """Wait until the session has these roles."""
    asked = (
        "async roles => (await (await fetch('/v1/session')).json()).grants.map(one => one.role).join() === roles.join()"
    )
    async with asyncio.timeout(RECHECK_S + 25):
        while not await page.evaluate(asked, roles):
            await asyncio.sleep(0.1)


async def test_signing_out_at_keycloak_and_a_disabled_account(
    house: tuple[LivesightProcess, Keycloak], page: Page
) -> None:
    service, keycloak = house
    await page.goto(service.url)
    await sign_in(page, "ada")
    await expect(page.locator(".tile[data-state=live]")).to_be_visible()
    await asyncio.to_thread(keycloak.sign_out, "ada")
    await signed_out(page)
    told = '"event": "signed_out_at_provider"'
    await asyncio.to_thread(service.wait_for, lambda: told in service.log(100_000), 20, "word from the back channel")
    await sign_in(page, "ada")
    await expect(page.locator(".tile[data-state=live]")).to_be_visible()
    await asyncio.to_thread(keycloak.set_enabled, "ada", False)
    await signed_out(page)
    await asyncio.to_thread(keycloak.set_enabled, "ada", True)
