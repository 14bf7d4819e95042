"""The form for a camera: user and password of their own, and the encoded form of an address that is ambiguous."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.api.conftest import running
from tests.api.test_page import opened
from tests.peers.chromium import chromium
from tests.peers.number_engine import NumberEngine, shipped_version
from tests.peers.ports import free_port
from workers.model_card import ModelStore, shipped_models_dir

pytestmark = pytest.mark.timeout(300)


async def test_the_encoded_form_is_offered_and_credentials_have_fields(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, engine=NumberEngine(version=shipped_version("mask"))) as service:
        service.node.models._store = ModelStore([shipped_models_dir()])
        async with chromium() as browser, opened(browser, service) as (page, witness):
            await page.get_by_role("button", name="Add a camera").first.click()
            form = page.locator("#add-dialog")
            await expect(form.get_by_label("mask", exact=True)).to_be_checked(timeout=30_000)
            url = form.locator("[name=url]")
            await url.fill(f"rtsp://admin:p@ss/word@127.0.0.1:{port}/cam")
            await form.locator("[name=id]").fill("gate")
            await page.get_by_role("button", name="Add camera").click()
            await expect(form.locator("#add-error")).to_contain_text("percent-encode")
            await form.get_by_role("button", name="Use the encoded form").click()
            await expect(url).to_have_value(f"rtsp://admin:p%40ss%2Fword@127.0.0.1:{port}/cam")
            await url.fill(f"rtsp://127.0.0.1:{port}/cam")
            await form.get_by_label("User").fill("admin")
            await form.get_by_label("Password").fill("p@ss/word")
            await form.get_by_label("Say who is seen").check()
            await page.get_by_role("button", name="Add camera").click()
            await expect(form).to_be_hidden(timeout=20_000)
            config = service.node.streams.config("gate")
            assert (config.user, config.password) == ("admin", "p@ss/word")
            assert config.identity
            mark = page.locator("#tile-gate .tile-identity")
            await expect(mark).to_be_visible()
            await expect(mark).to_have_text("No names")  # there is no face model here, which its title says
            await expect(mark).to_have_attribute("title", re.compile("livesight people model"))
            assert "p@ss" not in await page.locator("body").inner_text()
            assert [text for text in witness.complaints if "422" not in text] == []
            witness.complaints.clear()
