"""The second stage, seen in results: who is classified, when again, and what a classifier's failure costs."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from prometheus_client import REGISTRY

from stream.frame import Frame, new_session
from stream.mailbox import Mailbox
from tests.peers.colour_models import COLOURS, GatedEngine, ThingsEngine, coloured, write_colour_model
from workers.bus.result import FrameResult
from workers.engines.engine import Engine
from workers.engines.hot_swap import EngineSlot
from workers.engines.letterbox import Letterbox
from workers.engines.load import check_stages, open_engine
from workers.engines.openvino_engine import OpenVinoEngine
from workers.errors import EngineError, ModelError
from workers.inference.detect import image_result
from workers.inference.pipeline import Pipeline, StreamOptions
from workers.model_card import load_card
from workers.settings import ClassifySettings, WorkerSettings

SMALL, LARGE = (100, 80, 180, 160), (60, 40, 260, 240)
MODELS = ("things", "colour")


def count(name: str, model: str = "colour") -> float:
    return REGISTRY.get_sample_value(f"livesight_{name}_total", {"model": model}) or 0.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_colour_model(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_colour_model(tmp_path_factory.mktemp("models"), "scene", applies_to="image")


def frame(session: str, number: int, image: av.VideoFrame, step_us: int = 100_000, stream: str = "a") -> Frame:
    pts_us = number * step_us
    return Frame(stream, session, number, number, pts_us, time.time_ns(), time.monotonic(), 0.001, image)


class Running:
    """A pipeline and a stream of it. `show` gives an image and waits for its result."""

    def __init__(self, engines: dict[str, Engine], policy: str, **settings: Any) -> None:
        self.slots = {name: EngineSlot(engine) for name, engine in engines.items()}
        self.pipeline = Pipeline(
            self.slots, WorkerSettings(threads=2, classify=ClassifySettings(**settings)), "test", self._emit
        )
        self.results: defaultdict[str, list[FrameResult]] = defaultdict(list)
        self._changed = threading.Condition()
        self._policy: Any = policy
        self._mailboxes: dict[str, Mailbox[Frame]] = {}
        self._session = new_session()
        self._numbers: Counter[str] = Counter()
        self.pipeline.start()

    def _emit(self, shown: Frame, result: FrameResult) -> None:
        with self._changed:
            self.results[shown.stream_id].append(result)
            self._changed.notify_all()

    def show(
        self, image: av.VideoFrame, stream: str = "a", models: tuple[str, ...] = MODELS, stills: bool = False
    ) -> FrameResult:
        if stream not in self._mailboxes:
            self._mailboxes[stream] = Mailbox(self._policy)
            self.pipeline.add(stream, self._mailboxes[stream], models, StreamOptions(stills=stills))
        had = len(self.results[stream])
        self._mailboxes[stream].put(frame(self._session, self._numbers[stream], image, stream=stream))
        self._numbers[stream] += 1
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.results[stream]) > had, 30)
            return self.results[stream][-1]

    @property
    def number(self) -> int:
        """How many images stream a was shown."""
        return self._numbers["a"]

    def show_until(self, image: av.VideoFrame, found: Callable[[FrameResult], Any], **how: Any) -> FrameResult:
        """Show it again and again, as a camera does."""
        deadline_s = time.monotonic() + 30
        while not found(result := self.show(image, **how)):
            assert time.monotonic() < deadline_s, result
            time.sleep(0.005)
        return result


Start = Callable[..., Running]


@pytest.fixture
def start(no_thread_left: None) -> Iterator[Start]:
    started: list[Running] = []

    def one(engines: dict[str, Engine], policy: str = "newest", **settings: Any) -> Running:
        started.append(Running(engines, policy, **settings))
        return started[-1]

    yield one
    for running in started:
        running.pipeline.close()
        for slot in running.slots.values():
            slot.close()


def engine(folder: Path) -> OpenVinoEngine:
    opened = open_engine(folder, WorkerSettings(threads=2))
    assert isinstance(opened, OpenVinoEngine)
    return opened


def said(result: FrameResult, model: str = "colour") -> str | None:
    attributes = result.detections[0].attributes if result.detections else {}
    return attributes[model].label if model in attributes else None


def test_a_track_is_classified_once_and_keeps_its_attribute(start: Start, folder: Path) -> None:
    running, before = start({"things": ThingsEngine(), "colour": engine(folder)}), count("crops_classified")
    first = running.show(coloured("red", SMALL))
    assert first.detections[0].track_id is None and said(first) is None
    running.show_until(coloured("red", SMALL), said)
    for _ in range(20):  # two seconds of the stream
        result = running.show(coloured("red", SMALL))
        assert (said(result), result.detections[0].label, result.detections[0].track_id) == ("red", "thing", 1)
        assert result.detections[0].attributes["colour"].confidence > 0.9
        assert result.models == {"things": 1, "colour": 1}
    assert count("crops_classified") - before == 1
    assert [result.frame for result in running.results["a"]] == list(range(running.number))


def test_a_clearly_better_crop_is_looked_at_again(start: Start, folder: Path) -> None:
    running, before = start({"things": ThingsEngine(), "colour": engine(folder)}), count("crops_classified")
    running.show_until(coloured("red", SMALL), said)
    grown = (96, 76, 184, 164)  # a fifth more area: not clearly better
    for _ in range(10):
        assert said(running.show(coloured("blue", grown))) == "red"
    assert count("crops_classified") - before == 1
    running.show_until(coloured("blue", LARGE), lambda result: said(result) == "blue")
    assert count("crops_classified") - before == 2
    assert said(running.show(coloured("green", SMALL))) == "blue", "a worse crop changes nothing"


def test_another_label_of_the_detector_has_it_looked_at_again(start: Start, folder: Path) -> None:
    classes = [0]
    running = start({"things": ThingsEngine(lambda: classes[0]), "colour": engine(folder)})
    running.show_until(coloured("red", SMALL), said)
    classes[0] = 1
    for _ in range(8):
        result = running.show(coloured("blue", SMALL))
        assert result.detections[0].label == "other" and said(result) is None, "it applies to things only"
    assert result.detections[0].track_id == 1
    classes[0] = 0
    assert said(running.show(coloured("blue", SMALL))) == "red"


def test_detection_goes_on_while_a_classifier_takes_its_time(start: Start, folder: Path) -> None:
    slow = GatedEngine(engine(folder))
    slow.gate.clear()
    running = start({"things": ThingsEngine(), "colour": slow})
    streams = [f"cam{index}" for index in range(6)]
    for stream in streams:
        for _ in range(3):
            running.show(coloured("green", SMALL), stream=stream)
    assert slow.asked.wait(20)
    assert all(said(running.show(coloured("green", SMALL), stream=stream)) is None for stream in streams)
    slow.gate.set()
    for stream in streams:
        running.show_until(coloured("green", SMALL), said, stream=stream)
    assert sum(slow.sizes) == len(streams) and len(slow.sizes) <= 3, f"batched over streams: {slow.sizes}"


def test_a_failing_classifier_costs_its_attributes_only(start: Start, folder: Path) -> None:
    broken = GatedEngine(engine(folder), EngineError("broken"))
    running, before = start({"things": ThingsEngine(), "colour": broken}, again_s=0.2), count("classify_failures")
    deadline_s = time.monotonic() + 30
    while count("classify_failures") - before < 2 and time.monotonic() < deadline_s:
        result = running.show(coloured("red", SMALL))
        assert said(result) is None and len(result.detections) == 1
    assert count("classify_failures") - before >= 2, "it is tried again"
    assert [result.frame for result in running.results["a"]] == list(range(running.number))
    broken.error = None
    running.show_until(coloured("red", SMALL), lambda result: said(result) == "red")


def test_of_a_file_each_image_has_its_answer_and_of_stills_each_box(start: Start, folder: Path) -> None:
    running = start({"things": ThingsEngine(), "colour": engine(folder)}, "block")
    assert [said(running.show(coloured("red", SMALL))) for _ in range(3)] == ["red"] * 3
    colours = ["red", "blue", "green", "blue"]
    seen = [said(running.show(coloured(colour, SMALL), stream="folder", stills=True)) for colour in colours]
    assert seen == colours, "an image of a folder says nothing of the next"


def test_an_image_alone_has_each_box_classified(folder: Path) -> None:
    slots = {"things": EngineSlot(ThingsEngine()), "colour": EngineSlot(engine(folder))}
    shown = frame(new_session(), 0, coloured("blue", LARGE), stream="predict")
    result = image_result(slots, shown, MODELS, "test")
    assert said(result) == "blue" and result.detections[0].track_id is None
    assert result.models == {"things": 1, "colour": 1}


def test_classifiers_of_whole_images_look_once_a_second(start: Start, whole: Path) -> None:
    running, before = start({"scene": engine(whole)}, image_s=1.0), count("crops_classified", "scene")
    image = coloured("red", (0, 0, 640, 360))

    def scene(result: FrameResult) -> str | None:
        found = result.image.attributes.get("scene") if result.image else None
        return found.label if found else None

    first = running.show(image, models=("scene",))
    assert first.detections == () and first.models == {"scene": 1}
    running.show_until(image, lambda result: scene(result) == "red")
    began = running.number
    while running.number < began + 40:  # four seconds of the stream
        assert scene(running.show(image)) == "red"
        time.sleep(0.002)
    assert 3 <= count("crops_classified", "scene") - before <= 7
    running.show_until(coloured("blue", (0, 0, 640, 360)), lambda result: scene(result) == "blue")


def test_a_new_version_looks_at_every_track_again(start: Start, folder: Path, tmp_path: Path) -> None:
    running = start({"things": ThingsEngine(), "colour": engine(folder)})
    running.show_until(coloured("red", SMALL), said)
    other = write_colour_model(tmp_path, version=2, classes=("rouge", "vert", "bleu"))
    running.slots["colour"].swap(engine(other))
    running.show_until(coloured("red", SMALL), lambda result: said(result) == "rouge")
    for result in running.results["a"]:
        assert said(result) in {1: ("red", None), 2: ("rouge", None)}[result.models["colour"]]
    assert {result.detections[0].track_id for result in running.results["a"]} == {None, 1}


def test_a_batch_gives_what_each_crop_gives_alone_and_serving_leaves_the_map_out(folder: Path) -> None:
    opened = engine(folder)
    tensors = np.zeros((3, 32, 32, 3), np.uint8)
    for index, colour in enumerate(COLOURS):
        Letterbox().fill(coloured(colour, (0, 0, 320, 180), (320, 180)), tensors[index], 114, "rgb")
    with opened.request((32, 32)) as request:
        assert len(request.tensor) == WorkerSettings().classify.batch
        request.tensor[:3] = tensors
        together = request.run(3)
        alone = []
        for tensor in tensors:
            request.tensor[0] = tensor
            alone.append(request.run(1)[0])
    assert np.allclose(together, alone, atol=1e-3)
    assert [int(row.argmax()) for row in together] == [0, 1, 2]
    assert [len(compiled.outputs) for compiled in opened._compiled.values()] == [1]
    opened.close()


def test_a_classifier_needs_a_detector_of_its_labels(folder: Path) -> None:
    card = load_card(folder)
    with pytest.raises(ModelError, match=r"colour classifies boxes labelled thing; also run a detector"):
        check_stages([card])
    check_stages([card, ThingsEngine().card])
