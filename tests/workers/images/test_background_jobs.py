"""The thread for by-products: what waits is replaced, what fails costs itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from workers.images.background_jobs import BackgroundJobs

pytestmark = pytest.mark.usefixtures("no_thread_left")


@pytest.fixture
def jobs() -> Iterator[BackgroundJobs]:
    made = BackgroundJobs()
    yield made
    made.close(10)


def test_what_waits_is_replaced_by_what_is_newer_of_its_kind(jobs: BackgroundJobs) -> None:
    gate, begun, done = threading.Event(), threading.Event(), threading.Event()
    ran: list[str] = []

    def first() -> None:
        begun.set()
        assert gate.wait(20)

    jobs.submit("slow", first)
    assert begun.wait(20)
    jobs.submit(("figures", "a"), lambda: ran.append("old"))
    jobs.submit(("snapshots", "a"), lambda: ran.append("other"))
    jobs.submit(("figures", "a"), lambda: ran.append("new"))
    jobs.submit("last", done.set)
    gate.set()
    assert done.wait(20)
    assert ran == ["new", "other"]


def test_a_job_that_fails_costs_itself_only(jobs: BackgroundJobs) -> None:
    done, ticked = threading.Event(), threading.Event()

    def bad() -> None:
        raise ValueError("on purpose")

    jobs.every(bad)
    jobs.every(ticked.set)
    jobs.submit("bad", bad)
    jobs.submit("good", done.set)
    assert done.wait(20) and ticked.wait(20)


def test_closed_it_takes_nothing_more(jobs: BackgroundJobs) -> None:
    done = threading.Event()
    jobs.submit("a", done.set)
    assert done.wait(20)
    jobs.close(10)
    jobs.close(10)
    never = threading.Event()
    jobs.submit("b", never.set)
    assert not never.wait(0.1)
