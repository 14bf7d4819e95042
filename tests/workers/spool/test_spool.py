"""Nothing is lost while the broker is away: not by a restart, a crash, a full or broken disk; or it is counted."""

from __future__ import annotations

import gc
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.peers.kafka import Broker
from tests.workers.kafka.test_kafka_bus import given_up, message, metric, numbers, settings, wait_until
from workers.bus.message_bus import DETECTIONS, EVENTS, LocalBus
from workers.kafka.kafka_bus import KafkaBus

pytestmark = [
    pytest.mark.usefixtures("no_thread_left"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

CRASHER = """
import sys, time
from pathlib import Path
import structlog
from tests.workers.kafka.test_kafka_bus import message
from workers.bus.message_bus import LocalBus
from workers.kafka.kafka_bus import KafkaBus
from workers.kafka.settings import KafkaSettings
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
bus = KafkaBus(KafkaSettings(bootstrap_servers=(sys.argv[1],)), LocalBus(), Path(sys.argv[2]))
for number in range(100_000):
    bus.publish(message(number))
    print(number, flush=True)
    time.sleep(0.002)
"""


@pytest.fixture
def broker(own_broker: Broker) -> Iterator[Broker]:
    """Not running yet."""
    own_broker.kill()
    yield own_broker
    gc.collect()


def open_bus(broker: Broker, folder: Path, **spool: object) -> KafkaBus:
    return KafkaBus(settings(broker, spool=spool), LocalBus(), folder)


def on_disk(count: int) -> None:
    wait_until(lambda: metric("spooled_messages") == count)


def files(folder: Path, topic: str = DETECTIONS) -> list[Path]:
    return sorted((folder / "spool" / topic).glob("*.log"))


def test_what_waits_survives_a_restart_and_follows_in_order(broker: Broker, tmp_path: Path) -> None:
    for run in range(2):
        bus = open_bus(broker, tmp_path, segment_bytes=4096)
        for number in range(run * 300, run * 300 + 300):
            bus.publish(message(number, f"cam{number % 3}"))
        on_disk(300 * (run + 1))
        assert metric("buffered_messages") == 0
        assert "300 messages wait" in bus.problems()[0] or run
        bus.close(1.0)
    broker.start()
    replayed = metric("replayed_messages_total")
    bus = open_bus(broker, tmp_path)
    bus.publish(message(600, "cam0"))
    assert bus.flush(20)
    assert bus.problems() == []
    assert numbers(broker, 601) == {f"cam{key}": list(range(key, 601 if key == 0 else 600, 3)) for key in range(3)}
    wait_until(lambda: metric("replayed_messages_total") - replayed >= 600)
    wait_until(lambda: metric("spooled_bytes") == 0)
    assert files(tmp_path) == []
    bus.close(5)
    assert given_up("crash") == 0


def test_a_broker_that_hangs_does_not_keep_messages_in_memory(broker: Broker, tmp_path: Path) -> None:
    broker.start()
    bus = open_bus(broker, tmp_path)
    bus.publish(message(0))
    assert bus.flush(20)
    broker.freeze()
    for number in range(1, 51):
        bus.publish(message(number))
    on_disk(50)  # those in flight too
    broker.thaw()
    assert bus.flush(20)
    found = numbers(broker, 51)["cam"]
    assert list(dict.fromkeys(found)) == list(range(51))
    bus.close(5)


def test_a_crash_costs_next_to_nothing_and_is_reported(broker: Broker, tmp_path: Path) -> None:
    command = [sys.executable, "-c", CRASHER, broker.address, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 800:
                process.send_signal(signal.SIGKILL)
                break
        published = max([800, *(int(line) for line in process.stdout if line.endswith("\n"))]) + 1
    lost_before = given_up("crash")
    broker.start()
    replayed_before = metric("replayed_messages_total")
    bus = open_bus(broker, tmp_path)
    wait_until(lambda: metric("spooled_messages") > 0)
    assert bus.flush(20)
    on_disk(0)
    found = numbers(broker, int(metric("replayed_messages_total") - replayed_before))["cam"]
    assert found == list(range(len(found)))  # in order, none missing but the last
    missing, reported = published - len(found), given_up("crash") - lost_before
    assert missing < 500  # of 500 a second
    assert missing - 100 <= reported <= missing  # what came in after its last look at it is not known
    bus.close(5)


def test_the_next_start_says_how_much_a_crash_lost(broker: Broker, tmp_path: Path) -> None:
    bus = open_bus(broker, tmp_path)
    for number in range(20):
        bus.publish(message(number))
    on_disk(20)
    bus.close(1.0)
    path = files(tmp_path)[-1]
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(data[:half] + bytes([data[half] ^ 255]) + data[half + 1 : -5] + b"\xabLS1 torn")
    lost = given_up("crash")
    broker.start()
    bus = open_bus(broker, tmp_path)
    wait_until(lambda: given_up("crash") - lost == 2)  # the one in the middle, and the last
    assert bus.flush(20)
    found = numbers(broker, 18)["cam"]
    assert len(found) == 18
    assert found == sorted(found)
    assert found[0] == 0
    assert 19 not in found
    bus.close(5)


def test_full_the_oldest_detections_go_before_any_event(broker: Broker, tmp_path: Path) -> None:
    before = given_up("full")
    bus = open_bus(broker, tmp_path, max_bytes=65536, segment_bytes=4096)
    for number in range(100):
        bus.publish(message(number, padding=1000))
        bus.publish(message(number, topic=EVENTS, padding=100))
        time.sleep(0.001)
    wait_until(lambda: metric("buffered_messages") == 0)
    assert metric("spooled_bytes") <= 65536
    gone = int(given_up("full") - before)
    assert gone > 30
    assert given_up("full", EVENTS) == 0
    broker.start()
    assert bus.flush(20)
    assert numbers(broker, 100, EVENTS) == {"cam": list(range(100))}
    assert numbers(broker, 100 - gone) == {"cam": list(range(gone, 100))}
    bus.close(5)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The disk refuses (EFBIG) to let any file of this process grow beyond `size`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_said_and_costs_nothing_while_memory_lasts(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.spool.spool.RETRY_S", 0.3)
    bus = open_bus(broker, tmp_path)
    for number in range(10):
        bus.publish(message(number))
    on_disk(10)
    with largest_file(1000):
        for number in range(10, 200):
            bus.publish(message(number))
        wait_until(lambda: "cannot be written to disk" in " ".join(bus.problems()))
        assert "File too large" in " ".join(bus.problems())
        assert metric("buffered_messages") > 0
    on_disk(200)
    assert "disk" not in " ".join(bus.problems())
    broker.start()
    assert bus.flush(20)
    assert numbers(broker, 200) == {"cam": list(range(200))}
    bus.close(5)


def test_a_folder_that_cannot_be_used_is_said_and_memory_serves(broker: Broker, tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    lost = given_up("closed")
    bus = open_bus(broker, tmp_path)
    for number in range(10):
        bus.publish(message(number))
    wait_until(lambda: f"{tmp_path}/spool: File exists" in " ".join(bus.problems()))
    broker.start()
    assert bus.flush(20)
    assert numbers(broker, 10) == {"cam": list(range(10))}
    bus.close(5)
    assert given_up("closed") == lost


def test_a_folder_belongs_to_one_process(broker: Broker, tmp_path: Path) -> None:
    first, second = open_bus(broker, tmp_path), open_bus(broker, tmp_path)
    wait_until(lambda: any("another process uses it" in " ".join(bus.problems()) for bus in (first, second)))
    first.close(0.5)
    second.close(0.5)


def test_publishing_costs_a_worker_little_while_the_disk_is_written(broker: Broker, tmp_path: Path) -> None:
    bus = open_bus(broker, tmp_path, fsync_s=0)
    one = message(0, padding=2000)
    took_s = []
    for _ in range(1000):
        started_s = time.thread_time()
        bus.publish(one)
        took_s.append(time.thread_time() - started_s)
        time.sleep(0.0005)
    assert sorted(took_s)[500] < 0.001  # its own CPU time: what the machine does beside does not count
    on_disk(1000)
    assert threading.active_count() < 8
    bus.close(0.5)
