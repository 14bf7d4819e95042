"""Versions: what a promotion changes, what a failed one leaves alone, and that streams do not notice."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest

from stream.frame import Frame, new_session
from stream.mailbox import Mailbox
from tests.peers.colour_models import write_colour_model
from tests.peers.faces import face_picture
from workers.bus.result import FrameResult
from workers.engines.hot_swap import EngineSlots
from workers.errors import EngineError, ModelDamaged, ModelError, ModelUnknown, PromotionError
from workers.inference.pipeline import Pipeline
from workers.metrics import MODEL_INFO
from workers.model_card import CARD_FILE, ModelStore, load_card, sha256_of, shipped_models_dir
from workers.registry.promotion import Promotions
from workers.settings import WorkerSettings

SETTINGS = WorkerSettings(threads=2, models_poll_s=0.05)


class Home:
    """Two colour classifiers that ship, and a state directory; `slots` is a service that runs `colour`."""

    def __init__(self, root: Path) -> None:
        self.shipped, self.promoted = root / "shipped", root / "state" / "models"
        write_colour_model(self.shipped, version=1, applies_to="image")
        write_colour_model(self.promoted, version=2, applies_to="image", classes=("rouge", "vert", "bleu"))
        self.store = ModelStore([self.promoted, self.shipped], promoted=self.promoted)
        self.slots = EngineSlots(self.store, SETTINGS)
        self.promotions = Promotions(self.store, self.slots, SETTINGS)

    def candidate(self, version: int, change: Callable[[Path], None]) -> None:
        """A version whose folder was changed."""
        change(write_colour_model(self.promoted, version=version, applies_to="image"))

    @property
    def in_service(self) -> tuple[int, int]:
        """The version that runs, and the one that a restart would run."""
        return self.slots["colour"].card.version, int(self.store.folder("colour").name)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    made.slots.ensure(["colour"])
    yield made
    made.promotions.close()
    made.slots.close()


def info(version: int) -> float | None:
    about = {"name": "colour", "version": str(version)}.items()
    samples = [sample for metric in MODEL_INFO.collect() for sample in metric.samples]
    return next((sample.value for sample in samples if about <= sample.labels.items()), None)


def test_promote_and_roll_back_here_and_after_a_restart(home: Home) -> None:
    assert home.in_service == (1, 1), "what was downloaded is not in service by itself"
    done = home.promotions.promote("colour", 2)
    assert (done.version, done.before, home.in_service) == (2, 1, (2, 2))
    assert (info(1), info(2)) == (None, 1)
    assert home.promotions.promote("colour", 2).before == 2, "twice is once"
    shutil.rmtree(home.shipped)  # an upgrade that ships another version
    write_colour_model(home.shipped, version=4, applies_to="image")
    assert home.in_service == (2, 2)
    home.promotions.promote("colour", 4)
    assert home.in_service == (4, 4)
    shutil.rmtree(home.shipped)
    assert home.in_service == (4, 4), "promoted versions are kept"
    assert home.promotions.rollback("colour").version == 2
    with pytest.raises(ModelUnknown, match="there is no model colour version 1"):
        home.promotions.rollback("colour")
    assert home.in_service == (2, 2)


def test_a_version_that_ships_and_was_promoted_is_named_once(home: Home) -> None:
    for version in (2, 1):
        home.promotions.promote("colour", version)
    assert (home.promoted / "colour" / "1").is_dir() and (home.shipped / "colour" / "1").is_dir()
    with pytest.raises(ModelUnknown, match=r"no model colour version 9; there are: colour 1, colour 2$"):
        home.store.folder("colour", 9)


def test_rolling_back_goes_back_step_by_step_and_then_says_so(home: Home) -> None:
    with pytest.raises(PromotionError, match="no promotion to roll back"):
        home.promotions.rollback("colour")
    write_colour_model(home.shipped, version=3, applies_to="image")
    for version in (2, 3):
        home.promotions.promote("colour", version)
    assert [home.promotions.rollback("colour").version for _ in range(2)] == [2, 1]
    assert home.in_service == (1, 1)
    with pytest.raises(PromotionError, match="no promotion to roll back"):
        home.promotions.rollback("colour")
    (home.promoted / "colour" / "history.json").write_text("[{")
    with pytest.raises(ModelDamaged, match=r"history\.json: history: not valid JSON"):
        home.promotions.rollback("colour")
    assert home.promotions.promote("colour", 2).before == 1, "a lost history does not stop promotions"


def test_a_version_that_is_called_otherwise_now_is_the_same_model(tmp_path: Path) -> None:
    """Words alone may change in a version that was promoted before; the service that runs it speaks them at once."""
    own, promoted = tmp_path / "own", tmp_path / "models"
    folder = write_colour_model(own, applies_to="image")
    slots = EngineSlots(ModelStore([own, promoted], promoted=promoted), SETTINGS)
    slots.ensure(["colour"])
    promotions = Promotions(ModelStore([own, promoted], promoted=promoted), slots, SETTINGS)
    promotions.promote("colour", 1)
    card = json.loads((folder / CARD_FILE).read_text())
    card["words"] = {"red": {"one": "a ripe one", "many": "ripe ones"}}
    (folder / CARD_FILE).write_text(json.dumps(card))
    promotions.promote("colour", 1)
    assert slots["colour"].card.words["red"].many == "ripe ones"
    assert load_card(promoted / "colour" / "1").words["red"].one == "a ripe one"
    card["classes"] = ["rot", "green", "blue"]
    (folder / CARD_FILE).write_text(json.dumps(card | {"words": {}}))
    with pytest.raises(PromotionError, match="another model already has this version"):
        promotions.promote("colour", 1)
    slots.close()


def damage(folder: Path) -> None:
    (folder / "model.bin").write_bytes((folder / "model.bin").read_bytes()[:-1] + b"x")


def cut_off(folder: Path) -> None:
    (folder / "model.xml").unlink()


def signed_nonsense(folder: Path) -> None:
    (folder / "model.xml").write_text("<net>")
    card = json.loads((folder / CARD_FILE).read_text())
    card["files"]["model.xml"] = sha256_of(folder / "model.xml")
    (folder / CARD_FILE).write_text(json.dumps(card))


def other_classes(folder: Path) -> None:
    card = json.loads((folder / CARD_FILE).read_text())
    (folder / CARD_FILE).write_text(json.dumps({**card, "classes": ["red", "green"]}))


def other_task(folder: Path) -> None:
    card = json.loads((folder / CARD_FILE).read_text())
    (folder / CARD_FILE).write_text(json.dumps({**card, "task": "detect"}))


def half_a_card(folder: Path) -> None:
    (folder / CARD_FILE).write_text((folder / CARD_FILE).read_text()[:100])


def other_name(folder: Path) -> None:
    card = json.loads((folder / CARD_FILE).read_text())
    (folder / CARD_FILE).write_text(json.dumps({**card, "version": 99}))


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        (damage, ModelDamaged, r"3/model\.bin: sha256 is .* but the card says"),
        (cut_off, ModelDamaged, r"3/model\.xml: named by the card but cannot be read"),
        (signed_nonsense, EngineError, "OpenVINO cannot load"),
        (other_classes, EngineError, "2 classes"),
        (other_task, PromotionError, "of task classify in service"),
        (half_a_card, ModelError, r"3/card\.json"),
        (other_name, ModelError, "its folder must be"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bad_candidate_changes_nothing(
    home: Home, change: Callable[[Path], None], error: type[Exception], told: str
) -> None:
    home.candidate(3, change)
    with pytest.raises(error, match=told):
        home.promotions.promote("colour", 3)
    assert home.in_service == (1, 1)
    assert not (home.promoted / "colour" / "current").exists()
    assert home.promotions.promote("colour", 2).before == 1


def test_a_process_that_was_killed_in_the_middle_leaves_nothing_that_loads(home: Home) -> None:
    left = home.promoted / "colour" / ".1.copy"
    left.mkdir()
    (left / CARD_FILE).write_text((home.shipped / "colour" / "1" / CARD_FILE).read_text())
    assert [(card.name, card.version) for card in home.store.cards()] == [("colour", 1), ("colour", 2)]
    home.promotions.promote("colour", 2)
    home.promotions.promote("colour", 1)
    assert load_card(home.promoted / "colour" / "1") and not left.exists()


def test_a_disk_that_refuses_is_told_and_changes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.slots.ensure(["colour"])
    write_colour_model(home.shipped, version=3, applies_to="image")
    (home.promoted / "colour" / "history.json").mkdir()  # cannot be written over
    with pytest.raises(PromotionError, match="Is a directory"):
        home.promotions.promote("colour", 3)
    assert home.in_service == (1, 1)
    home.slots.close()


def test_promotions_at_the_same_time_happen_one_after_another(home: Home) -> None:
    write_colour_model(home.shipped, version=3, applies_to="image")
    other = Promotions(home.store, home.slots, SETTINGS)  # as another process has it
    errors: list[BaseException] = []

    def promote(promotions: Promotions, version: int) -> None:
        try:
            for _ in range(3):
                promotions.promote("colour", version)
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    threads = [
        threading.Thread(target=promote, args=item) for item in ((home.promotions, 2), (other, 3), (home.promotions, 1))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    running, next_start = home.in_service
    assert running == next_start
    history = home.promotions.history("colour")
    assert all(one[1] == two[0] for one, two in itertools.pairwise(history))
    assert history[-1][1] == running


def test_a_service_follows_a_promotion_from_outside_and_says_when_it_cannot(home: Home) -> None:
    home.promotions.watch()
    outside = Promotions(home.store, EngineSlots(home.store, SETTINGS), SETTINGS)

    def wait(found: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + 30
        while not found():
            assert time.monotonic() < deadline_s
            time.sleep(0.02)

    outside.promote("colour", 2)
    wait(lambda: home.in_service == (2, 2))
    home.candidate(5, damage)
    (home.promoted / "colour" / ".link").symlink_to("5")
    (home.promoted / "colour" / ".link").replace(home.promoted / "colour" / "current")
    wait(home.promotions.problems)
    assert "version 5 was promoted but cannot be used; 2 stays" in home.promotions.problems()[0]
    assert home.slots["colour"].card.version == 2
    outside.promote("colour", 2)
    wait(lambda: not home.promotions.problems())


def frame(session: str, number: int) -> Frame:
    image = av.VideoFrame.from_ndarray(face_picture(0, (640, 360)), format="bgr24")
    return Frame("a", session, number, number, number * 40_000, time.time_ns(), time.monotonic(), 0.001, image)


def test_a_detector_is_swapped_without_losing_an_image_or_a_track(tmp_path: Path) -> None:
    promoted = tmp_path / "models"
    renamed = ("covered", "bare", "wrong")
    store = ModelStore([promoted, shipped_models_dir()], promoted=promoted)
    shipped = store.folder("mask")
    before, after_it = int(shipped.name), int(shipped.name) + 1
    folder = shutil.copytree(shipped, promoted / "mask" / str(after_it))
    card = json.loads((folder / CARD_FILE).read_text())
    new = {
        "version": after_it,
        "classes": renamed,
        "thresholds": dict.fromkeys(renamed, 0.25),
        "reference": {},
        "words": {},
    }
    (folder / CARD_FILE).write_text(json.dumps({**card, **new}))
    slots = EngineSlots(store, SETTINGS)
    slots.ensure(["mask"])
    classes = {before: slots["mask"].card.classes, after_it: renamed}
    results: list[FrameResult] = []
    pipeline = Pipeline(slots, SETTINGS, "test", lambda _, result: results.append(result))
    mailbox: Mailbox[Frame] = Mailbox("block", 2)
    stream = pipeline.add("a", mailbox, ("mask",))
    pipeline.start()
    session, swapped = new_session(), threading.Event()

    def promote() -> None:
        Promotions(store, slots, SETTINGS).promote("mask", after_it)
        swapped.set()

    thread, number, after = threading.Thread(target=promote), 0, 0
    try:
        while after < 10:
            mailbox.put(frame(session, number))
            number += 1
            after += swapped.is_set()
            if number == 10:
                thread.start()
        mailbox.close()
        assert stream.finished.wait(60)
    finally:
        thread.join(60)
        pipeline.close()
        slots.close()
    assert [result.frame for result in results] == list(range(number))
    assert all(result.skipped == 0 for result in results)
    versions = [result.models["mask"] for result in results]
    assert versions[0] == before and versions[-1] == after_it
    for result in results:
        (found,) = result.detections
        assert found.label in classes[result.models["mask"]]
        assert found.track_id == (1 if result.frame else None)
