"""Decoding takes gate, and leaves the analysis its share, once cameras fell behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from stream.decoding.cpu_gate import LIMIT_S, CpuGate
from tests.stream.consume import FixedGauge, wait_for


class Clock:
    """Stands still unless moved."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Decoding:
    """Threads that want to decode: each begins when it has its turn and goes on until it is let go."""

    def __init__(self, gate: CpuGate) -> None:
        self._gate = gate
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._let_go: dict[int, threading.Event] = {}
        self.at_work: list[int] = []

    def want(self, number: int) -> None:
        self._let_go[number] = threading.Event()
        thread = threading.Thread(target=self._run, args=(number,))
        self._threads.append(thread)
        thread.start()

    def _run(self, number: int) -> None:
        with self._gate.decoding():
            with self._changed:
                self.at_work.append(number)
                self._changed.notify_all()
            self._let_go[number].wait(20)

    def let_go(self, number: int) -> None:
        self._let_go[number].set()

    def wait_for(self, done: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(done, 20), self.at_work

    def close(self) -> None:
        for event in self._let_go.values():
            event.set()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()


@contextmanager
def decoding(gate: CpuGate) -> Iterator[Decoding]:
    threads = Decoding(gate)
    try:
        yield threads
    finally:
        threads.close()


def waiting(gate: CpuGate) -> int:
    return len(gate._waiting)


def settled(gate: CpuGate, many: int) -> None:
    """Until so many threads wait for their turn."""
    wait_for(lambda: waiting(gate) == many)


def test_without_need_nobody_waits() -> None:
    gate = CpuGate(FixedGauge(2, busy=1.0))
    with ExitStack() as analysis, decoding(gate) as threads:
        for _ in range(3):
            analysis.enter_context(gate.analysing())
        for number in range(8):
            threads.want(number)
        threads.wait_for(lambda: len(threads.at_work) == 8)


def test_limited_decoding_keeps_to_its_share_and_to_its_order() -> None:
    gate = CpuGate(FixedGauge(2, busy=1.0))
    gate.limit_if_busy()
    assert gate.limited
    with ExitStack() as analysis, decoding(gate) as threads:
        for _ in range(3):
            analysis.enter_context(gate.analysing())
        for number in range(4):
            threads.want(number)
            settled(gate, number)
        assert threads.at_work == [0]
        for number in range(3):
            threads.let_go(number)
            threads.wait_for(lambda number=number: len(threads.at_work) == number + 2)  # type: ignore[misc]
        assert threads.at_work == [0, 1, 2, 3]


def test_what_the_analysis_leaves_idle_is_for_decoding() -> None:
    gate = CpuGate(FixedGauge(4, busy=1.0))
    gate.limit_if_busy()
    with decoding(gate) as threads:
        with gate.analysing():
            with gate.analysing(), gate.analysing():
                for number in range(2):
                    threads.want(number)
                threads.wait_for(lambda: len(threads.at_work) == 2)
                threads.want(2)
                threads.want(3)
                settled(gate, 2)
            threads.wait_for(lambda: len(threads.at_work) == 3)
            settled(gate, 1)
        threads.wait_for(lambda: len(threads.at_work) == 4)


def test_the_limit_ends_by_itself() -> None:
    clock = Clock()
    gate = CpuGate(FixedGauge(2, busy=1.0), now_s=clock)
    gate.limit_if_busy()
    with gate.analysing(), gate.analysing(), decoding(gate) as threads:
        threads.want(0)
        threads.wait_for(lambda: threads.at_work == [0])
        for number in (1, 2, 3):
            threads.want(number)
            settled(gate, number)
        clock.now_s += LIMIT_S / 2
        gate.limit_if_busy()  # still the same one
        clock.now_s += LIMIT_S / 2
        assert not gate.limited
        threads.let_go(0)
        threads.wait_for(lambda: len(threads.at_work) == 4)


def test_a_camera_that_falls_behind_on_an_idle_machine_limits_nobody() -> None:
    gate = CpuGate(FixedGauge(2, busy=0.5))
    gate.limit_if_busy()
    assert not gate.limited


def test_a_turn_ends_with_what_it_raises() -> None:
    gate = CpuGate(FixedGauge(1, busy=1.0))
    gate.limit_if_busy()
    with gate.analysing():
        for _ in range(2):
            with pytest.raises(ValueError, match="damaged"), gate.decoding():
                raise ValueError("damaged")


def test_one_cpu_is_shared_too() -> None:
    gate = CpuGate(FixedGauge(0.5, busy=1.0))
    gate.limit_if_busy()
    with gate.analysing(), decoding(gate) as threads:
        threads.want(0)
        threads.wait_for(lambda: threads.at_work == [0])
        threads.want(1)
        settled(gate, 1)
