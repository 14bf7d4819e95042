"""Whose turn it is: cameras, and what clients push, on a clock of the test's own. One worker, or several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import av
import pytest

from stream.frame import Frame
from stream.mailbox import Mailbox
from workers.inference.batcher import PUSHED_SHARE, Batcher, FrameJob, InferenceStream

IMAGE = av.VideoFrame(16, 16, "yuv420p")
CAMERA_S, BOMB_S = 0.01, 0.2


class Workers:
    """A batcher at work: `cost_s` by stream; what each got, in frames and in seconds of a worker."""

    def __init__(self, cost_s: Mapping[str, float], workers: int = 1, max_batch: int = 1) -> None:
        self.now_s = 0.0
        self.batcher = Batcher(max_batch, now_s=lambda: self.now_s)
        self.frames: Counter[str] = Counter()
        self.spent_s: Counter[str] = Counter()
        self.waited_s: Counter[str] = Counter()
        self.waiting = set(cost_s)
        self._cost_s = cost_s
        self._streams = {name: self._stream(name) for name in cost_s}
        self._busy: list[tuple[float, list[FrameJob]]] = []
        self._workers = workers
        self._last_s = dict.fromkeys(cost_s, 0.0)

    def _stream(self, name: str) -> InferenceStream:
        pushed = name.startswith("pushed")
        stream = InferenceStream(name, Mailbox("newest"), ("mask",), lambda job: None, pushed=pushed)
        self.batcher.add(stream)
        return stream

    def run(self, seconds: float) -> None:
        """Every stream in `waiting` always has a frame."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            while len(self._busy) < self._workers and self._begin():
                pass
            if not self._busy:
                return
            self._end()

    def _begin(self) -> bool:
        for name in self.waiting:
            if not self._streams[name].mailbox.pending:
                self._streams[name].mailbox.put(Frame(name, "s", 0, 0, 0, 0, self.now_s, 0.0, IMAGE))
        if not any(one.mailbox.pending and one.in_flight < 2 for one in self._streams.values()):
            return False
        jobs = self.batcher.take()
        assert jobs
        cost_s = max(self._cost_s[job.stream.stream_id] for job in jobs)
        for job in jobs:
            name = job.stream.stream_id
            self.frames[name] += 1
            self.spent_s[name] += cost_s
            self.waited_s[name] = max(self.waited_s[name], self.now_s - self._last_s[name])
            self._last_s[name] = self.now_s
        self._busy.append((self.now_s + cost_s, jobs))
        return True

    def _end(self) -> None:
        """The next worker that is done."""
        self._busy.sort(key=lambda one: one[0])
        self.now_s, jobs = self._busy.pop(0)
        for job in jobs:
            job.stream.release(job)
            self.batcher.done(job)


def cameras(count: int) -> dict[str, float]:
    return {f"cam{number}": CAMERA_S for number in range(count)}


def total(counted: Counter[str], begins: str) -> float:
    return sum(count for name, count in counted.items() if name.startswith(begins))


@pytest.mark.parametrize("bomb_s", [CAMERA_S, BOMB_S])
@pytest.mark.parametrize("pushes", [1, 20])
@pytest.mark.parametrize("workers", [1, 3])
def test_pushed_streams_leave_nine_tenths_to_cameras(bomb_s: float, pushes: int, workers: int) -> None:
    """However many they are, and however long their frames take; and they get their part."""
    working = Workers({**cameras(4), **{f"pushed{number}": bomb_s for number in range(pushes)}}, workers)
    working.run(10 * bomb_s * PUSHED_SHARE)
    share = total(working.spent_s, "cam") / working.spent_s.total()
    assert share >= 0.9, share
    assert total(working.spent_s, "pushed") / working.spent_s.total() > 0.4 / PUSHED_SHARE
    got = [working.frames[f"pushed{number}"] for number in range(pushes)]
    assert max(got) - min(got) <= 1, "among themselves they are equal"
    of_cameras = [working.frames[name] for name in cameras(4)]
    assert min(of_cameras) / max(of_cameras) > 0.9


def test_many_cameras_count_as_many() -> None:
    """All pushed streams together have the place of one."""
    working = Workers({**cameras(40), "pushed1": CAMERA_S, "pushed2": CAMERA_S})
    working.run(20)
    each = total(working.frames, "cam") / 40
    assert total(working.frames, "pushed") == pytest.approx(each, rel=0.1)


def test_what_cameras_leave_is_for_pushed_streams() -> None:
    working = Workers({**cameras(2), "pushed1": CAMERA_S, "pushed2": BOMB_S})
    working.waiting = {"pushed1", "pushed2"}
    working.run(10)
    assert working.spent_s.total() == pytest.approx(10, abs=2 * BOMB_S)
    assert working.frames["pushed1"] == pytest.approx(working.frames["pushed2"], abs=1)
    working.waiting = set(cameras(2))
    before = working.frames.total()
    working.run(1)
    assert working.frames.total() - before >= 1 / CAMERA_S - 2


def test_after_hours_alone_a_pushed_stream_owes_nothing() -> None:
    working = Workers({**cameras(2), "pushed": CAMERA_S})
    working.waiting = {"pushed"}
    working.run(60)
    working.waiting |= set(cameras(2))
    working.waited_s.clear()
    working.run(10)
    assert working.waited_s["pushed"] <= 2 * PUSHED_SHARE * CAMERA_S


def test_batches_of_several_streams_too() -> None:
    pushed = {f"pushed{number}": CAMERA_S for number in range(20)}
    working = Workers({**cameras(8), **pushed}, workers=2, max_batch=4)
    working.run(20)
    assert total(working.frames, "cam") / working.frames.total() >= 0.9
    assert min(working.frames[name] for name in pushed) > 0
