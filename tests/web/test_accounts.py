"""Accounts in a real browser: the printed link, signing in and out, what is offered to whom, and the red banner."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.peers.chromium import chromium, until_fits
from tests.peers.livesight_process import LivesightProcess
from workers.access.roles import allowed

PASSWORD, OTHER = "correct horse battery", "seven green umbrellas"
PICTURES = os.environ.get("LIVESIGHT_TEST_PICTURES")
"""A folder for pictures of the pages, for who wants to look at them."""

OVERLAPS = """() => {
  const seen = [...document.querySelectorAll(".bar :is(a, button, select)")].filter((one) => one.checkVisibility());
  const boxes = seen.filter((one) => !one.closest("[popover]")).map((one) => [one, one.getBoundingClientRect()]);
  const strip = document.querySelector(".nav"); // a phone's scrolls sideways: what is outside of it is no fault
  const scrolls = getComputedStyle(strip).overflowX === "auto";
  const out = ([one, box]) => !(scrolls && strip.contains(one)) && (box.left < 0 || box.right > innerWidth);
  const beside = (p, q) => p.left > q.right - 1 || q.left > p.right - 1 || p.top > q.bottom - 1 || q.top > p.bottom - 1;
  const wrong = boxes.filter(([a, p]) => out([a, p]) || boxes.some(([b, q]) => a !== b && !beside(p, q)));
  return wrong.map(([one]) => one.outerHTML.slice(0, 80));
}"""
"""What of the bar is cut off, or lies on something else."""


@pytest.fixture(scope="module")
def service() -> Iterator[LivesightProcess]:
    streams = json.dumps([{"id": "demo", "url": "demo:", "max_fps": 5}])
    settings = {"AUTH__MODE": "accounts", "AUTH__RECHECK_S": "1", "LOG_FORMAT": "json", "STREAMS": streams}
    with LivesightProcess(settings=settings) as running:
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


async def pictures_of_widths(page: Page, name: str) -> None:
    """Nothing is wider than the window, which every link of the bar fits into, in dark and light."""
    for width in (1400, 1280, 1024, 768, 390):
        await page.set_viewport_size({"width": width, "height": 800})
        for scheme in ("dark", "light"):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await until_fits(page, width)
            assert await page.evaluate(OVERLAPS) == [], width
            await picture(page, f"{name}-{width}-{scheme}")
    assert await serious_faults(page) == []
    await page.set_viewport_size({"width": 1280, "height": 800})


async def serious_faults(page: Page) -> list[str]:
    """What axe-core finds serious or critical."""
    found = await Axe().run(page)
    return [fault["id"] for fault in found.response["violations"] if fault["impact"] in ("serious", "critical")]


async def sign_in(page: Page, name: str, password: str) -> None:
    await page.get_by_role("textbox", name="Name").fill(name)
    await page.locator(".gate").get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in").click()


async def test_from_the_printed_link_to_logging_out(service: LivesightProcess, page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    await page.goto(f"{service.url}/#/cameras")
    await expect(page.get_by_text("Open the link that the service printed")).to_be_visible()
    assert said == [], "whoever is not signed in yet asks for nothing that is refused"
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
    await pictures_of_widths(page, "live")

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


async def test_a_program_gets_a_key_that_is_shown_once(service: LivesightProcess, page: Page) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto(f"{service.url}/#/keys")
    await sign_in(page, "Ada", PASSWORD)
    await expect(page.get_by_text("No service accounts yet")).to_be_visible()
    await page.get_by_role("button", name="Add a service account").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("recorder")
    offered = dialog.locator(".choices label")
    await dialog.get_by_text("All that the role allows").click()
    for role in ("viewer", "reviewer", "operator", "admin"):
        await dialog.get_by_label("Role").select_option(role)
        assert set(await offered.all_inner_texts()) == allowed(role), role  # type: ignore[arg-type]
    await dialog.get_by_label("accounts", exact=True).check()
    await dialog.get_by_label("push", exact=True).check()
    await dialog.get_by_label("pictures", exact=True).check()
    await dialog.get_by_label("Role").select_option("operator")
    await expect(dialog.get_by_text("Only pictures, push")).to_be_visible()
    await dialog.get_by_label("Cameras", exact=True).fill("demo, gate-*")
    assert await serious_faults(page) == []
    await picture(page, "add-service-account")
    await dialog.get_by_role("button", name="Add", exact=True).click()
    card = page.locator('[data-account="recorder"]')
    await expect(card).to_contain_text("operator of demo, gate-* (only pictures, push)")

    for name, days in (("laptop", ""), ("shed", "30")):
        await card.get_by_role("button", name="Add a key").click()
        await dialog.get_by_label("Name").fill(name)
        await dialog.get_by_label("Days until it ends").fill(days)
        await dialog.get_by_role("button", name="Make the key").click()
        await expect(dialog).to_contain_text("it is not shown again")
        assert await serious_faults(page) == []
        await page.keyboard.press("Escape")
        await dialog.get_by_role("button", name="Copy").click()
        await expect(dialog.get_by_role("status")).to_have_text("Copied.")
        await picture(page, "key")
        await dialog.get_by_role("button", name="Done").click()
        await expect(dialog).to_be_hidden()
    key = await page.evaluate("navigator.clipboard.readText()")
    assert key.startswith("ls_") and key not in await page.content(), "shown once"
    program = httpx.AsyncClient(base_url=service.url, headers={"x-api-key": key}, timeout=20)
    assert (await program.get("/v1/streams/demo/snapshot.jpg")).status_code == 200
    assert (await program.get("/v1/events")).status_code == 403
    await page.reload()
    await expect(card.locator('[data-key="laptop"]')).to_contain_text("never used")
    await expect(card.locator('[data-key="shed"]')).to_contain_text("last used")
    await card.get_by_role("button", name="Revoke: shed of recorder").click()
    await page.get_by_role("button", name="Revoke", exact=True).click()
    await expect(card.locator('[data-key="shed"]')).to_have_attribute("data-state", "revoked")
    assert (await program.get("/v1/streams/demo/snapshot.jpg")).status_code == 401
    await program.aclose()
    await pictures_of_widths(page, "keys")
    await page.set_viewport_size({"width": 390, "height": 800})
    await page.get_by_role("button", name="Account Ada").click()
    await page.get_by_role("link", name="Audit").click()
    await expect(page.get_by_role("heading", name="Audit")).to_be_focused()
    await page.get_by_role("button", name="Account Ada").click()
    await picture(page, "menu-390")
    await page.get_by_role("link", name="API keys").click()
    await expect(page.locator("#account-panel")).to_be_hidden()
    await page.set_viewport_size({"width": 1280, "height": 800})

    await card.get_by_role("button", name="Access").click()
    await expect(dialog.get_by_text("Only pictures, push")).to_be_visible()
    await dialog.get_by_role("button", name="Save").click()
    await expect(card).to_contain_text("(only pictures, push)")
    await card.get_by_role("button", name="Disable: recorder").click()
    await page.get_by_role("button", name="Disable", exact=True).click()
    await expect(card.get_by_text("Disabled")).to_be_visible()
    await card.get_by_role("button", name="Enable: recorder").click()
    await expect(card.get_by_text("Enabled")).to_be_visible()
    await card.get_by_role("button", name="Remove: recorder").click()
    await page.get_by_role("button", name="Remove", exact=True).click()
    await expect(page.get_by_text("No service accounts yet")).to_be_visible()


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
