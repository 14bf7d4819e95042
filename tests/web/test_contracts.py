"""The HTTP contract as others use it, with accounts: a client that is generated from it, and the page that shows it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType
from playwright.async_api import expect

from tests.api.test_page import Witness
from tests.api.with_accounts import keys_file
from tests.peers.chromium import chromium
from tests.peers.livesight_process import ROOT, LivesightProcess
from tests.peers.ports import free_port
from tests.web.test_accounts import PASSWORD
from tests.web.test_pages import artifact

pytestmark = pytest.mark.timeout(300)

SECOND = 1000.0
ADMIN = "admin *"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivesightProcess]:
    """A camera with faces."""
    settings = {
        "AUTH__MODE": "accounts",
        "AUTH__KEYS_FILE": str(keys_file(tmp_path_factory.mktemp("keys"))),
        "STREAMS": json.dumps([{"id": "yard", "url": "demo:", "max_fps": 5}]),
    }
    with LivesightProcess((), settings) as process:
        process.key = ADMIN
        yield process


class Made:
    """The client that openapi-python-client makes: its modules by name, and a session with a key."""

    def __init__(self, folder: Path, service: LivesightProcess) -> None:
        document = folder / "openapi.json"
        document.write_bytes(service.get("/openapi.json", timeout_s=30))
        settings = ConfigFile.load_from_path(ROOT / "docs" / "openapi-python-client.yaml")
        settings.post_hooks = []  # they tidy what was made, with ruff
        place = folder / "livesight_client"
        self.complaints = generate(config=Config.from_sources(settings, MetaType.NONE, document, "utf-8", False, place))
        self.endpoints = {path.stem for path in place.glob("api/*/*.py")} - {"__init__"}
        self.described = json.loads(document.read_text())
        self._url = service.url

    def module(self, name: str) -> Any:
        return importlib.import_module(f"livesight_client.{name}")

    def session(self, key: str) -> Any:
        return self.module("client").AuthenticatedClient(
            base_url=self._url, token=key, raise_on_unexpected_status=True, timeout=httpx.Timeout(60)
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, service: LivesightProcess) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("client")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield Made(folder, service)


def test_a_client_is_made_without_a_complaint_and_has_every_operation(made: Made) -> None:
    assert [f"{one.header}: {one.detail}" for one in made.complaints] == []
    paths = made.described["paths"].values()
    described = {one["operationId"] for item in paths for method, one in item.items() if method in METHODS}
    assert made.endpoints == described and len(described) > 80


def test_the_client_adds_a_camera_reads_tracks_fetches_a_picture_and_predicts(
    service: LivesightProcess, made: Made
) -> None:
    models, types = made.module("models"), made.module("types")
    with made.session(ADMIN) as session:
        added = made.module("api.streams.add_stream").sync(
            client=session, body=models.NewStream(id="gate", url=f"rtsp://127.0.0.1:{free_port()}/gate")
        )
        assert isinstance(added, models.Stream) and added.id == "gate"
        listed = made.module("api.streams.list_streams").sync(client=session)
        assert {stream.id for stream in listed.streams} == {"yard", "gate"}
        made.module("api.streams.remove_stream").sync_detailed("gate", client=session)

        list_tracks = made.module("api.tracks.list_tracks").sync
        track = service.wait_for(
            seen(lambda: list_tracks(client=session, stream=["yard"])), 120, "track with a picture"
        )
        number = int(track.picture_url.rpartition("/")[2])
        fetched = made.module("api.events.get_snapshot").sync(number, client=session)
        picture = fetched.payload.read()
        assert picture.startswith(b"\xff\xd8") and len(picture) > 1000

        image = types.File(payload=BytesIO(picture), file_name="yard.jpg", mime_type="image/jpeg")
        predict = made.module("api.predict.predict_image").sync
        for body in (models.PredictImageFilesBody(file=image), types.File(payload=BytesIO(picture))):
            result = predict(client=session, body=body, models=["mask"])
            assert isinstance(result, models.Prediction) and result.detections, "the track's face is in its picture"


def seen(tracks: Callable[[], Any]) -> Callable[[], Any]:
    """The first track that has a picture, or None."""
    return lambda: next((track for track in tracks().tracks if track.picture_url), None)


async def test_the_docs_page_asks_no_other_host_and_works_for_who_is_signed_in(service: LivesightProcess) -> None:
    witness = Witness(urlsplit(service.url).netloc)
    async with chromium() as browser:
        tab = await browser.new_context(viewport={"width": 1280, "height": 900})
        person = {"name": "Ada", "password": PASSWORD, "grants": [{"role": "viewer"}]}
        key = {"x-api-key": ADMIN}
        assert (await tab.request.post(f"{service.url}/v1/users", data=person, headers=key)).status == 201
        signed_in = await tab.request.post(f"{service.url}/v1/login", data={"name": "Ada", "password": PASSWORD})
        assert signed_in.status == 200
        page = await tab.new_page()
        witness.watch(page)
        await page.goto(f"{service.url}/docs#/streams/list_streams")
        operation = page.locator("#operations-streams-list_streams")
        await expect(operation.get_by_role("button", name="Try it out")).to_be_visible(timeout=60 * SECOND)
        if path := artifact("docs.png"):
            await page.screenshot(path=path)
        await operation.get_by_role("button", name="Try it out").click()
        await operation.get_by_role("button", name="Execute").click()
        await expect(operation.locator(".live-responses-table")).to_contain_text('"yard"', timeout=30 * SECOND)
        if path := artifact("docs-tried.png"):
            await page.screenshot(path=path)
        await tab.close()
    assert witness.foreign == []
    assert witness.complaints == [], "nothing that the content security policy refuses"
