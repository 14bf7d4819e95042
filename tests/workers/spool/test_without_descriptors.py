"""A spool keeps what it has while the process can open nothing, and what it cannot take stays with its owner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peers.descriptors import none_left
from tests.workers.kafka.test_kafka_bus import message
from workers import descriptors
from workers.bus.message_bus import DETECTIONS
from workers.spool import spool as module
from workers.spool.settings import SpoolSettings
from workers.spool.spool import Spool


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failure it tries again at once."""
    monkeypatch.setattr(module, "RETRY_S", 0.0)


def no_loss(topic: str, reason: str, messages: int) -> None:
    raise AssertionError(f"{messages} messages of {topic} were given up: {reason}")


@pytest.mark.usefixtures("at_once")
def test_nothing_is_lost_without_descriptors(tmp_path: Path) -> None:
    given_up: Callable[..., None] = no_loss
    spool = Spool(SpoolSettings(segment_bytes=4096), tmp_path, given_up)
    sent = [message(number) for number in range(400)]  # several files
    assert spool.open() == {}
    stored = spool.append(sent[:200])
    assert stored == 200
    with none_left():
        taken = spool.append(sent[200:])
        assert taken < 200, "a new file is needed for all of them"
        assert spool.read(DETECTIONS, 400, 2**20) == []
        assert "open files" in (spool.problem or "")
    assert spool.append(sent[200 + taken :]) == 200 - taken
    read = [found for _, found in spool.read(DETECTIONS, 400, 2**20)]
    assert [one.value for one in read] == [one.value for one in sent]
    spool.close()


def test_a_shortage_is_told_from_a_broken_disk() -> None:
    with none_left(), pytest.raises(OSError) as refused:
        Path(__file__).read_bytes()
    assert descriptors.is_shortage(refused.value)
    assert not descriptors.is_shortage(OSError(5, "Input/output error"))
    assert descriptors.in_use() is not None
