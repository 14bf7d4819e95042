"""The pipeline over test engines: who gets which result, in which order, and what one failure costs."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

import av
import numpy as np
import pytest

from stream.frame import Frame, new_session
from stream.mailbox import Mailbox
from tests.peers.number_engine import NumberEngine, number_in
from tests.peers.numbers import draw_number
from workers.bus.result import FrameResult
from workers.engines.hot_swap import EngineSlot
from workers.inference.pipeline import Pipeline
from workers.settings import WorkerSettings


def picture(number: int, size_wh: tuple[int, int] = (640, 360)) -> av.VideoFrame:
    """A grey picture with a number painted in."""
    image = np.full((size_wh[1], size_wh[0], 3), 90, np.uint8)
    return av.VideoFrame.from_ndarray(draw_number(image, number), format="bgr24")


def frame(stream: str, session: str, number: int, painted: int | None = None) -> Frame:
    """Picture `number` of a stream; what is painted in is the number unless said otherwise."""
    shown = picture(number if painted is None else painted)
    return Frame(stream, session, number, number, number * 40_000, time.time_ns(), time.monotonic(), 0.001, shown)


class Results:
    """Collects what a pipeline emits and lets a test wait for it."""

    def __init__(self) -> None:
        self.by_stream: dict[str, list[FrameResult]] = defaultdict(list)
        self._changed = threading.Condition()

    def __call__(self, _: Frame, result: FrameResult) -> None:
        with self._changed:
            self.by_stream[result.stream_id].append(result)
            self._changed.notify_all()

    def wait(self, stream: str, count: int) -> list[FrameResult]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.by_stream[stream]) >= count, 20), self.by_stream[stream]
            return list(self.by_stream[stream])


@pytest.fixture
def results() -> Results:
    return Results()


def build(engine: NumberEngine, results: Results, threads: int = 3, max_batch: int = 1) -> Pipeline:
    pipeline = Pipeline(
        {"number": EngineSlot(engine)}, WorkerSettings(threads=threads, max_batch=max_batch), "test", results
    )
    pipeline.start()
    return pipeline


@pytest.fixture
def running() -> Iterator[list[Pipeline]]:
    pipelines: list[Pipeline] = []
    yield pipelines
    for pipeline in pipelines:
        pipeline.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("inference-")]


def shown(result: FrameResult) -> int:
    """The number that the engine read out of the picture of this result."""
    return number_in(result.detections[0].xyxy, result.size_wh)


def test_every_image_of_a_blocking_mailbox_comes_back_once_in_order(results: Results, running: list[Pipeline]) -> None:
    jitter = np.random.default_rng(1).uniform(0, 0.01, 200)
    pipeline = build(NumberEngine(lambda numbers: time.sleep(jitter[numbers[0]])), results)
    running.append(pipeline)
    mailboxes = {name: Mailbox[Frame]("block", 4) for name in ("a", "b")}
    streams = [pipeline.add(name, mailbox, ("number",)) for name, mailbox in mailboxes.items()]

    def feed(name: str) -> None:
        session = new_session()
        for number in range(100):
            mailboxes[name].put(frame(name, session, number))
        mailboxes[name].close()

    threads = [threading.Thread(target=feed, args=(name,)) for name in mailboxes]
    for thread in threads:
        thread.start()
    for stream in streams:
        assert stream.finished.wait(30)
    for thread in threads:
        thread.join()
    for name in mailboxes:
        got = results.by_stream[name]
        assert [result.frame for result in got] == list(range(100))
        assert [shown(result) for result in got] == list(range(100))
        assert all(result.skipped == 0 and result.stream_id == name for result in got)


def test_streams_of_different_rates_get_equal_shares_and_skipped_adds_up(
    results: Results, running: list[Pipeline]
) -> None:
    pipeline = build(NumberEngine(lambda numbers: time.sleep(0.01)), results, threads=2)
    running.append(pipeline)
    stop = threading.Event()
    boxes = {f"cam{index}": Mailbox[Frame]("newest") for index in range(6)}
    for name, mailbox in boxes.items():
        pipeline.add(name, mailbox, ("number",))

    def feed(index: int, name: str) -> None:
        session, number = new_session(), 0
        while not stop.wait(0.008 + 0.002 * index):
            boxes[name].put(frame(name, session, number))
            number += 1

    threads = [threading.Thread(target=feed, args=item) for item in enumerate(boxes)]
    for thread in threads:
        thread.start()
    for name in boxes:
        results.wait(name, 25)
    counts = Counter({name: len(results.by_stream[name]) for name in boxes})
    stop.set()
    for thread in threads:
        thread.join()
    assert min(counts.values()) / max(counts.values()) > 0.7, counts
    for name in boxes:
        seen = results.by_stream[name]
        assert all(shown(result) == result.frame for result in seen)
        assert sum(result.skipped + 1 for result in seen) == seen[-1].frame + 1
        assert sum(result.skipped for result in seen) > 0


def test_a_raising_model_and_a_bad_image_cost_that_picture_only(results: Results, running: list[Pipeline]) -> None:
    def raise_on_seven(numbers: list[int]) -> None:
        if numbers[0] == 7:
            raise ValueError("seven")

    pipeline = build(NumberEngine(raise_on_seven), results)
    running.append(pipeline)
    mailbox: Mailbox[Frame] = Mailbox("block", 4)
    stream = pipeline.add("a", mailbox, ("number",))
    session = new_session()
    for number in range(12):
        mailbox.put(frame("a", session, number))
    mailbox.close()
    assert stream.finished.wait(20)
    got = results.by_stream["a"]
    assert [result.frame for result in got] == [number for number in range(12) if number != 7]
    assert got[7].skipped == 1
    assert pipeline.problems() == []


def test_a_worker_that_dies_is_replaced_and_readiness_says_so(results: Results, running: list[Pipeline]) -> None:
    def die_on_three(numbers: list[int]) -> None:
        if numbers[0] == 3:
            raise SystemExit("as a C extension might")

    pipeline = build(NumberEngine(die_on_three), results, threads=1)
    running.append(pipeline)
    mailbox: Mailbox[Frame] = Mailbox("block", 4)
    stream = pipeline.add("a", mailbox, ("number",))
    session = new_session()
    for number in range(8):
        mailbox.put(frame("a", session, number))
    mailbox.close()
    assert stream.finished.wait(20)
    assert [result.frame for result in results.by_stream["a"]] == [0, 1, 2, 4, 5, 6, 7]
    assert "restarted" in pipeline.problems()[0]


def test_engines_swap_between_batches_and_the_old_one_is_closed_after_its_last(
    results: Results, running: list[Pipeline]
) -> None:
    first, second = NumberEngine(lambda numbers: time.sleep(0.002)), NumberEngine(version=2)
    slot = EngineSlot(first)
    pipeline = Pipeline({"number": slot}, WorkerSettings(threads=2), "test", results)
    pipeline.start()
    running.append(pipeline)
    mailbox: Mailbox[Frame] = Mailbox("block", 4)
    stream = pipeline.add("a", mailbox, ("number",))
    session = new_session()
    for number in range(60):
        if number == 30:
            slot.swap(second)
        mailbox.put(frame("a", session, number))
    mailbox.close()
    assert stream.finished.wait(20)
    got = results.by_stream["a"]
    assert [result.frame for result in got] == list(range(60))
    versions = [result.models["number"] for result in got]
    assert versions[0] == 1 and versions[-1] == 2
    assert first.closed and not second.closed


def test_a_batch_holds_the_newest_image_of_several_streams(results: Results, running: list[Pipeline]) -> None:
    gate, sizes = threading.Event(), []

    def hold(numbers: list[int]) -> None:
        sizes.append(len(numbers))
        gate.wait(10)

    pipeline = build(NumberEngine(hold, max_batch=4), results, threads=1, max_batch=4)
    running.append(pipeline)
    boxes = {f"cam{index}": Mailbox[Frame]("newest") for index in range(5)}
    for name, mailbox in boxes.items():
        pipeline.add(name, mailbox, ("number",))
    session = new_session()
    boxes["cam0"].put(frame("cam0", session, 0))
    while not sizes:
        time.sleep(0.001)
    for number in range(3):
        for index in range(1, 5):
            boxes[f"cam{index}"].put(frame(f"cam{index}", session, number, painted=100 * index + number))
    gate.set()
    for index in range(1, 5):
        (only,) = results.wait(f"cam{index}", 1)
        assert (only.frame, only.skipped, shown(only)) == (2, 2, 100 * index + 2)
    assert sizes == [1, 4]


def test_a_new_session_starts_counting_and_tracking_anew(results: Results, running: list[Pipeline]) -> None:
    pipeline = build(NumberEngine(), results, threads=1)
    running.append(pipeline)
    mailbox: Mailbox[Frame] = Mailbox("block", 4)
    stream = pipeline.add("a", mailbox, ("number",))
    for session in (new_session(), new_session()):
        for number in range(3):
            mailbox.put(frame("a", session, number, painted=5))
    mailbox.close()
    assert stream.finished.wait(20)
    got = results.by_stream["a"]
    assert [result.detections[0].track_id for result in got] == [None, 1, 1, None, 1, 1]
    assert [result.skipped for result in got] == [0] * 6
