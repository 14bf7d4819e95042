"""The thread for by-products: what waits is replaced, what fails costs itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from workers.images.background_jobs import BackgroundJobs

pytestmark = pytest.mark.usefixtures("no_thread_left")


@pytest.fixture
def sideline() -> Iterator[BackgroundJobs]:
    made = BackgroundJobs()
    yield made
    made.close(10)


def test_what_waits_is_replaced_by_what_is_newer_of_its_kind(sideline: BackgroundJobs) -> None:
    gate, begun, done = threading.Event(), threading.Event(), threading.Event()
    ran: list[str] = []

    def first() -> None:
        begun.set()
        assert gate.wait(20)

    sideline.submit("slow", first)
    assert begun.wait(20)
    sideline.submit(("figures", "a"), lambda: ran.append("old"))
    sideline.submit(("snapshots", "a"), lambda: ran.append("other"))
    sideline.submit(("figures", "a"), lambda: ran.append("new"))
    sideline.submit("last", done.set)
    gate.set()
    assert done.wait(20)
    assert ran == ["new", "other"]


def test_a_job_that_fails_costs_itself_only(sideline: BackgroundJobs) -> None:
    done, ticked = threading.Event(), threading.Event()

    def bad() -> None:
        raise ValueError("on purpose")

    sideline.every(bad)
    sideline.every(ticked.set)
    sideline.submit("bad", bad)
    sideline.submit("good", done.set)
    assert done.wait(20) and ticked.wait(20)


def test_closed_it_takes_nothing_more(sideline: BackgroundJobs) -> None:
    done = threading.Event()
    sideline.submit("a", done.set)
    assert done.wait(20)
    sideline.close(10)
    sideline.close(10)
    never = threading.Event()
    sideline.submit("b", never.set)
    assert not never.wait(0.1)
