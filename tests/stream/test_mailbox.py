"""Mailbox: both policies, errors across, nobody left waiting."""

from __future__ import annotations

import threading
import time

import pytest

from stream.errors import MailboxClosed, SourceError
from stream.mailbox import Mailbox


def test_newest_replaces_counts_and_reports() -> None:
    dropped: list[int] = []
    puts: list[None] = []
    box = Mailbox[int](on_drop=lambda number, _: dropped.append(number))
    box.subscribe(lambda: puts.append(None))
    for number in range(5):
        box.put(number)
    assert box.dropped == 4 and dropped == [0, 1, 2, 3] and len(puts) == 5
    assert box.pending and box.take() == 4 and box.take() is None


def test_block_loses_nothing_and_keeps_the_order() -> None:
    box = Mailbox[int]("block", capacity=2)

    def produce() -> None:
        for number in range(500):
            box.put(number)
        box.close()

    thread = threading.Thread(target=produce)
    thread.start()
    got = []
    with pytest.raises(MailboxClosed):
        while True:
            got.append(box.get(5))
    thread.join(5)
    assert got == list(range(500)) and box.dropped == 0


def test_close_wakes_a_blocked_producer() -> None:
    box = Mailbox[int]("block")
    box.put(1)
    raised = threading.Event()

    def produce() -> None:
        with pytest.raises(MailboxClosed):
            box.put(2)
        raised.set()

    thread = threading.Thread(target=produce)
    thread.start()
    time.sleep(0.05)
    box.close()
    assert raised.wait(2)
    thread.join(2)


def test_close_wakes_a_waiting_consumer_with_the_producers_error() -> None:
    box = Mailbox[int]()
    threading.Timer(0.05, box.close, [SourceError("broken")]).start()
    with pytest.raises(SourceError, match="broken"):
        box.get(5)
    box.close()
    with pytest.raises(SourceError):
        box.get(0)


def test_items_come_before_the_error() -> None:
    box = Mailbox[int]("block", capacity=2)
    box.put(1)
    box.close(SourceError("broken"))
    assert box.get(0) == 1
    with pytest.raises(SourceError):
        box.get(0)
    with pytest.raises(MailboxClosed):
        box.put(2)


def test_get_times_out() -> None:
    with pytest.raises(TimeoutError):
        Mailbox[int]().get(0.01)


def test_capacity_must_fit_the_policy() -> None:
    with pytest.raises(ValueError, match="newest"):
        Mailbox[int]("newest", capacity=2)
    with pytest.raises(ValueError, match="block"):
        Mailbox[int]("block", capacity=0)
