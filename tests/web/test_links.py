"""`<livesight-view>` on a page of another host, in a real browser: with signed links, without any session."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.async_api import expect

from api.auth.access_control import AccessControl
from api.auth.machines import service_accounts as store
from api.auth.settings import AuthSettings
from stream.config import StreamConfig
from tests.api.conftest import Service, running
from tests.peers.chromium import chromium
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.ports import free_port
from workers.access.principal import Grant

pytestmark = pytest.mark.timeout(300)

SECOND = 1000.0
PAGE = """<!doctype html><title>A shop's page</title>
<script type="module" src="{server}/static/livesight-view.js"></script>
<livesight-view id="one" stream="clip" links-from="/link" style="width: 320px"></livesight-view>
<livesight-view id="foreign" stream="hall" links-from="/link" style="width: 320px"></livesight-view>
<livesight-view id="two" stream="clip" style="width: 320px"></livesight-view>
<script type="module">
  const two = document.querySelector("#two");
  await customElements.whenDefined("livesight-view");
  two.links = async (path) => (await (await fetch(`/link?path=${{encodeURIComponent(path)}}`)).json()).url;
</script>"""


class Shop:
    """Another host: its page, and its own server, which has a key of ours and asks for links."""

    def __init__(self, server: str, key: str) -> None:
        self.server, self.key = server, key
        self.asked: list[str] = []


@contextmanager
def shop_page(shop: Shop, port: int) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if address.path == "/link":
                path = parse_qs(address.query)["path"][0]
                shop.asked.append(path)
                answer = httpx.post(f"{shop.server}/v1/links", json={"path": path}, headers={"x-api-key": shop.key})
                status, kind, body = answer.status_code, "application/json", answer.content
                status = 200 if status == 201 else status
            else:
                status, kind, body = 200, "text/html", PAGE.format(server=shop.server).encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="shop")
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def cameras(folder: Path, origin: str) -> Iterator[tuple[Service, str]]:
    """Two cameras behind accounts, and a key for one of them."""
    clip = make_numbered(folder / "clip.mp4", ClipSpec(frames=100, fps=10, gop=10))
    access = AccessControl(AuthSettings(mode="accounts"), folder)
    access.start()
    try:
        with running(folder, access=access, allowed_origins=(origin,)) as service:
            for name in ("clip", "hall"):
                config = StreamConfig(id=name, url=f"file:{clip}", models=("number",))
                service.node.streams.add(config, allow_local=True)
            assert access.accounts is not None
            database = access.accounts.database
            account = store.add_account(database, "shop", (Grant("viewer", ("clip",)),))
            yield service, store.add_key(database, account.id, "page", None)[0].text
    finally:
        access.close(5)


@pytest.mark.parametrize("webcodecs", [True, False])
async def test_a_foreign_page_shows_what_its_links_open(tmp_path: Path, webcodecs: bool) -> None:
    port = free_port()
    with cameras(tmp_path, f"http://127.0.0.1:{port}") as (service, key):
        shop = Shop(service.url, key)
        with shop_page(shop, port) as url:
            async with chromium() as browser:
                page = await browser.new_page()
                if not webcodecs:
                    await page.add_init_script("delete window.VideoDecoder")
                await page.goto(url)
                for name in ("#one", "#two"):
                    await expect(page.locator(name)).to_have_attribute("data-state", "live", timeout=60 * SECOND)
                via = json.loads(await page.evaluate("JSON.stringify(document.querySelector('#one').stats.via)"))
                assert via == ("webcodecs" if webcodecs else "mjpeg")
                await expect(page.locator("#foreign")).not_to_have_attribute("data-state", "live")
    assert {path for path in shop.asked if "/clip/" in path} >= {
        "/v1/streams/clip/video",
        "/v1/streams/clip/detections",
    }
