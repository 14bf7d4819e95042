"""The People page, names in tracks and rules, and “Who is this?”, in a real browser on a monitor that works."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import httpx
import pytest
from playwright.async_api import Locator, Page, Route, expect

from api.http.extension import Extension
from api.video.clip_cutter import ClipCutter
from monitoring.assembly import MonitoringContext
from monitoring.people.face_reader import ModelFaces, Reading
from monitoring.service import Monitoring
from monitoring.settings import MonitorSettings
from stream.config import StreamSettings
from tests.api.conftest import Service, running
from tests.api.test_page import opened
from tests.monitoring.happened import message
from tests.monitoring.shop import until
from tests.peers.chromium import chromium, until_true
from tests.web.test_pages import SIZES, artifact, faults
from workers.bus.media import Snapshot
from workers.bus.message_bus import SNAPSHOTS, Message
from workers.bus.result import Detection, FrameResult, Identity, Latency
from workers.model_card import ModelStore
from workers.settings import WorkerSettings

pytestmark = pytest.mark.timeout(300)

SECOND = 1000.0


class Hall:
    """A service whose monitor has seen people, and who they are."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service = service
        self.folder = folder
        self._sessions = 0

    def add(self, name: str, *groups: str) -> str:
        """Somebody without pictures; their id."""
        body = {"name": name, "groups": groups}
        return str(self.ask("POST", "/v1/people", json=body)["id"])

    def ask(self, method: str, path: str, **given: Any) -> Any:
        answer = httpx.request(method, self.service.url + path, timeout=60, **given).raise_for_status()
        return answer.json() if answer.content else None

    def walk(self, person: str | None, stream_id: str, image: bytes | None = None) -> None:
        """Somebody comes into view for three seconds, as that person, and leaves. image: a JPEG of them."""
        self._sessions += 1
        began_ns = time.time_ns() - 8_000_000_000
        for step in range(14):
            identity = None if person is None else Identity(person=person, similarity=0.7, threshold=0.46)
            seen = Detection(
                detector="mask",
                track_id=1,
                label="with_mask",
                confidence=0.9,
                xyxy=(200, 100, 260, 180),
                identity=identity,
            )
            result = FrameResult(
                stream_id=stream_id,
                session=f"01KAH{self._sessions:021}",
                frame=step,
                skipped=0,
                pts_us=step * 500_000,
                captured_at_ns=began_ns + step * 500_000_000,
                size_wh=(640, 360),
                node="test",
                detections=(seen,) if step < 7 else (),
                models={"mask": 3},
                latency_ms=Latency(decode=1, wait=1, inference=1, total=3),
            )
            self.service.bus.publish(message(result))
        if image is not None:
            self._show(f"01KAH{self._sessions:021}", stream_id, began_ns, image)

    def _show(self, session: str, stream_id: str, began_ns: int, image: bytes) -> None:
        told = Snapshot(
            view="crop",
            session=session,
            track=1,
            pts_us=1_000_000,
            captured_at_ns=began_ns + 1_000_000_000,
            detector="mask",
            label="with_mask",
            confidence=0.9,
            quality=9.0,
            box="1,2,3,4",
            region="0,0,9,9",
            size="640,360",
            node="test",
        )
        self.service.bus.publish(Message(SNAPSHOTS, stream_id, image, told.headers(), 0.0))


@contextmanager
def hall_of(folder: Path) -> Iterator[Hall]:
    """Anna was seen by two cameras, Ann and a stranger by one. `folder`/models has the face model, if anything."""
    made: list[Monitoring] = []
    reading = Reading(ModelStore([folder / "models"]), WorkerSettings(threads=1), StreamSettings())

    def extensions(bus: Any, state_dir: Path) -> Iterable[Extension]:
        cut = ClipCutter(None, None)  # type: ignore[arg-type]
        context = MonitoringContext(state_dir, "test", bus, None, cut, faces=ModelFaces(reading))
        made.append(Monitoring(MonitorSettings.model_validate({"gather_s": 0.05}), context))
        return made

    with running(folder, extensions=extensions) as service:
        (monitoring,) = made
        monitoring.start()
        until(lambda: monitoring.active)
        hall = Hall(service, folder)
        anna, ann = hall.add("Anna", "staff"), hall.add("Ann")
        for person, stream_id in ((anna, "door"), (anna, "yard"), (ann, "door"), (None, "door")):
            hall.walk(person, stream_id)
        until(lambda: len([one for one in hall.ask("GET", "/v1/tracks")["tracks"] if one["ended_at_ns"]]) == 4)
        yield hall
        monitoring.close(10)


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    """As `hall_of`, for the tests here."""
    with hall_of(tmp_path_factory.mktemp("hall")) as hall:
        yield hall


async def press(page: Page, target: Locator) -> None:
    """As somebody does who has no mouse."""
    await expect(target).to_be_visible()
    await target.focus()
    await page.keyboard.press("Enter")


async def looked_at(page: Page, name: str) -> None:
    """No serious fault, nothing wider than a phone; screenshots where these are wanted."""
    assert await faults(page) == []
    for size, (width, height) in reversed(SIZES.items()):
        await page.set_viewport_size({"width": width, "height": height})
        await until_true(
            page, "(width) => document.documentElement.scrollWidth <= width", width
        )  # charts take a moment
        if path := artifact(f"{name}-{size}.png"):
            await page.screenshot(path=path)


async def test_a_person_is_found_renamed_merged_and_erased_by_keyboard(hall: Hall) -> None:
    async with (
        chromium() as browser,
        opened(browser, hall.service, "/#/people", color_scheme="dark") as (page, witness),
    ):
        cards = page.locator(".person")
        await expect(cards).to_have_count(2)
        await expect(cards.filter(has_text="Anna")).to_contain_text("at yard")
        await looked_at(page, "people")
        await page.locator("#people-tools [name=q]").fill("anna")
        await expect(cards).to_have_count(1)
        await press(page, cards.get_by_role("link", name="Anna"))
        view = page.locator("#person-view")
        await expect(view.locator("h2").first).to_be_focused()
        await expect(view.get_by_role("img", name="Seen once at door, once at yard")).to_be_visible()
        await expect(view.locator(".event")).to_have_count(2)
        await looked_at(page, "person")

        await press(page, view.get_by_role("button", name="Change"))
        form = page.locator("dialog[open]")
        await form.get_by_label("Name", exact=True).fill("ann")
        await page.keyboard.press("Enter")
        await expect(form.get_by_role("alert")).to_contain_text("somebody has this name already")
        assert [text for text in witness.complaints if "409" not in text] == []
        witness.complaints.clear()
        await form.get_by_label("Name", exact=True).fill("Anna Larsson")
        await form.get_by_label("Groups").fill("staff, night shift")
        await page.keyboard.press("Enter")
        await expect(view.locator("h2").first).to_have_text("Anna Larsson")
        await expect(view.locator(".chips").first).to_have_text("staffnight shift")
        await expect(view.locator(".event").first).to_contain_text("Anna Larsson, with mask")

        await press(page, view.get_by_role("button", name="Merge"))
        await form.get_by_label("Who is the same person").select_option(label="Ann")
        await press(page, form.get_by_role("button", name="Merge"))
        await expect(view.locator(".event")).to_have_count(3)
        await page.locator("#people-back").click()
        await page.locator("#people-tools [name=q]").fill("")
        await expect(cards).to_have_count(1)
        await press(page, page.locator("#people-undo"))
        await expect(cards).to_have_count(2)
        await expect(page.locator("#toasts")).to_contain_text("Taken back: the merge of Anna Larsson and Ann")

        await press(page, cards.get_by_role("link", name="Ann", exact=True))
        await press(page, view.get_by_role("button", name="Erase"))
        question = page.locator("#confirm-dialog")
        await expect(question).to_contain_text("named nowhere any more")
        await press(page, question.get_by_role("button", name="Erase"))
        await expect(cards).to_have_count(1)
        assert [one["name"] for one in hall.ask("GET", "/v1/people")["people"]] == ["Anna Larsson"]


async def test_a_wrong_name_is_taken_away_from_a_track(hall: Hall) -> None:
    """Where names may be seen, rows, filters and dialogs have them; where they may not, nobody asks for them."""
    bea = hall.add("Bea")
    hall.walk(bea, "hall")
    path = f"/v1/tracks?person={bea}"
    until(lambda: [one["ended_at_ns"] for one in hall.ask("GET", path)["tracks"]] not in ([], [None]))
    async with chromium() as browser:
        async with opened(browser, hall.service, "/#/events?stream=hall") as (page, _):
            row = page.locator(".event")
            await expect(row.locator("strong")).to_have_text("Bea, with mask")
            await page.get_by_role("combobox", name="Person").select_option(label="Bea")
            await expect(row).to_have_count(1)
            assert f"person={bea}" in page.url
            await page.goto(f"{hall.service.url}/#/events?stream=hall&person=bea")  # an address may have the name
            await expect(page.get_by_role("combobox", name="Person")).to_contain_text("bea")
            await expect(row).to_have_count(1)
            await press(page, row.get_by_role("button"))
            dialog = page.locator("#track-dialog")
            await expect(dialog.get_by_role("link", name="Bea")).to_have_attribute("href", f"#/people/{bea}")
            await press(page, dialog.get_by_role("button", name="Not Bea"))
            await press(page, page.locator("#confirm-dialog").get_by_role("button", name="Not Bea"))
            await expect(dialog.locator("h2")).not_to_contain_text("Bea")
            await looked_at(page, "contested")
            assert hall.ask("GET", path)["tracks"] == []

        async def viewer(route: Route) -> None:
            answer = await route.fetch()
            await route.fulfill(response=answer, json=await answer.json() | {"actions": ["events", "pictures"]})

        async with opened(browser, hall.service, "/healthz") as (page, witness):
            await page.route("**/v1/session", viewer)
            await page.goto(f"{hall.service.url}/#/events")
            await expect(page.locator(".event").first).to_be_visible()
            await expect(page.locator(".nav [data-to=people]")).to_be_hidden()
            await expect(page.get_by_role("combobox", name="Person")).to_be_hidden()
            await press(page, page.locator(".event").first.get_by_role("button"))
            await expect(page.locator("#track-body .track-event").first).to_be_visible()
            await expect(page.locator("#track-dialog").get_by_role("button", name="Not")).to_have_count(0)
            assert "/v1/people" not in [path for _, path in witness.requests]


async def test_a_face_is_enrolled_refused_found_and_asked_about(
    hall: Hall, face_id_models: Path, data_dir: Path
) -> None:
    """Uploaded, and from a track; two photos of one person."""
    (hall.folder / "models").symlink_to(face_id_models)
    first, second = (data_dir / "identities" / "london_009" / f"{number}.jpg" for number in (1, 2))
    small = hall.folder / "small.jpg"
    cv2.imwrite(str(small), cv2.resize(cv2.imread(str(first)), None, fx=0.15, fy=0.15, interpolation=cv2.INTER_AREA))
    hall.walk(None, "gate", second.read_bytes())
    until(
        lambda: [one["snapshot_url"] for one in hall.ask("GET", "/v1/tracks?stream=gate")["tracks"]] not in ([], [None])
    )
    async with chromium() as browser, opened(browser, hall.service, "/#/people") as (page, witness):
        form, view = page.locator("dialog[open]").last, page.locator("#person-view")
        await press(page, page.get_by_role("button", name="Add a person"))
        await form.get_by_label("Name", exact=True).fill("Carl")
        await form.get_by_label("Pictures").set_input_files(small)
        await press(page, form.get_by_role("button", name="Add"))
        await expect(form.get_by_role("alert")).to_contain_text("px")
        await looked_at(page, "refused")
        await form.get_by_label("Pictures").set_input_files(first)
        await press(page, form.get_by_role("button", name="Add"))
        await expect(view.locator("h2").first).to_have_text("Carl")
        await expect(view).to_contain_text("about 1 stranger in")
        await expect(view.get_by_role("checkbox", name="Picture of Carl, uploaded")).to_have_count(1)
        await looked_at(page, "enrolled")

        await press(page, page.locator("#people-back"))
        await press(page, page.get_by_role("button", name="Search by a picture"))
        await form.get_by_label("Picture").set_input_files(second)
        await press(page, form.get_by_role("button", name="Search"))
        await expect(form.locator(".found")).to_contain_text("This is Carl")
        await page.keyboard.press("Escape")

        await page.goto(f"{hall.service.url}/#/events?stream=gate")
        await press(page, page.locator(".event").get_by_role("button"))
        await press(page, page.locator("#track-dialog").get_by_role("button", name="Who is this?"))
        await form.get_by_label("Name").fill("Dora")
        await expect(form).to_contain_text("Nobody is called Dora")
        await page.keyboard.press("Enter")
        await expect(form).to_contain_text("The same as Carl?")
        await looked_at(page, "alike")
        await press(page, form.get_by_role("button", name="Yes, add it to Carl"))
        await expect(page.locator("#toasts")).to_contain_text("The picture was added to those of Carl")
        people = {one["name"]: one["looks"] for one in hall.ask("GET", "/v1/people")["people"]}
        assert people["Carl"] == 2 and "Dora" not in people
        assert [text for text in witness.complaints if "422" not in text and "409" not in text] == []
        witness.complaints.clear()


async def test_a_rule_is_about_people_groups_and_strangers(hall: Hall) -> None:
    eve = hall.add("Eve", "cleaners")
    async with chromium() as browser, opened(browser, hall.service, "/#/alerts") as (page, _):
        await press(page, page.locator("#rule-add"))
        form = page.locator("#rule-form")
        await form.get_by_label("Name", exact=True).fill("who")
        await form.locator("[name=who]").select_option("both")
        await press(page, form.get_by_role("button", name="Save"))
        await expect(form.locator("#rule-error")).to_have_text("Select a person or a group.")
        find = form.get_by_label("Find a person")
        for words in ("eve", "clean"):
            await find.fill(words)
            await find.press("Enter")
        await expect(form.get_by_label("Only the first time each day")).to_be_hidden()  # strangers have none
        await looked_at(page, "rule")
        await press(page, form.get_by_role("button", name="Save"))
        card = page.locator('.rule[data-rule="who"]')
        await expect(card).to_contain_text("Eve, somebody of cleaners or a stranger for 2 s")
        (rule,) = [one for one in hall.ask("GET", "/v1/rules")["rules"] if one["name"] == "who"]
        when = rule["when"]
        assert (when["people"], when["groups"], when["strangers"]) == ([eve], ["cleaners"], True)
        await press(page, card.get_by_role("button", name="Edit"))
        await expect(form.locator("[name=who]")).to_have_value("both")
        await form.locator("[name=type]").select_option("absent")
        await form.locator("[name=who]").select_option("people")
        await expect(form.get_by_label("For at least")).to_have_value("600")
        await press(page, form.get_by_role("button", name="Save"))
        await expect(card).to_contain_text("Neither Eve nor anybody of cleaners for 600 s")
