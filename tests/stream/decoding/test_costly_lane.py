"""The lane of costly pictures: few at a time, with the least priority, and not for those who left."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from stream.decoding.costly_lane import NICENESS, CostlyLane, GivenUpError

pytestmark = pytest.mark.usefixtures("no_thread_left")


def test_as_many_at_a_time_as_there_are_places() -> None:
    lane, lock, now, most = CostlyLane(2), threading.Lock(), [0], [0]
    both = threading.Barrier(2)

    def work() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        both.wait(20)  # it takes two at a time to go on
        with lock:
            now[0] -= 1

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(lane.run, work) for _ in range(8)]:
            done.result(30)
    assert most == [2]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness of their own on Linux only")
def test_the_work_makes_way_and_nobody_elses_does() -> None:
    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert CostlyLane(1).run(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())) == NICENESS
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == mine


def test_what_the_work_raises_comes_out_and_the_place_is_free_again() -> None:
    lane = CostlyLane(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            lane.run(lambda: 1 // 0)
    assert lane.run(lambda: 7) == 7


def test_who_leaves_while_waiting_is_not_served() -> None:
    lane, taken, go_on, done = CostlyLane(1), threading.Event(), threading.Event(), []

    def hold() -> None:
        taken.set()
        go_on.wait(30)

    holder = threading.Thread(target=lane.run, args=(hold,))
    holder.start()
    assert taken.wait(20)
    with pytest.raises(GivenUpError):
        lane.run(lambda: done.append(1), lambda: True)
    go_on.set()
    holder.join(20)
    assert not done


def test_a_place_rests_where_its_picture_waited_for_a_cpu() -> None:
    """Three times as long, 2 s at most; who leaves meanwhile is not served, others are when that is over."""
    now_s = [100.0]
    lane = CostlyLane(1, lambda: now_s[0])
    for waited_s, rest_s in ((0.0, 0.0), (0.5, 1.5), (9.0, 2.0)):
        with lane.place() as place:
            place.waited_s = waited_s
        for passed_s in (rest_s - 0.01, 0.02):
            now_s[0] += max(0.0, passed_s)
            resting = passed_s > 0.02
            with pytest.raises(GivenUpError) if resting else nullcontext(), lane.place(lambda: True):
                pass
