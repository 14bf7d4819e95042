"""Processes of one role each, over a real broker and PostgreSQL: who answers for events, and when the monitor dies."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.happened import SESSION, message, result
from tests.peers.kafka import Broker
from tests.peers.livesight_process import LivesightProcess
from tests.peers.postgres import Postgres
from workers.bus.message_bus import LocalBus
from workers.kafka.kafka_bus import KafkaBus
from workers.kafka.settings import KafkaSettings
from workers.kafka.topic_settings import TopicsSettings


class Shop:
    """An api process, monitors by name, and results that no node makes."""

    def __init__(self, broker: Broker, url: str, stack: ExitStack) -> None:
        self._broker = broker
        self._stack = stack
        self._settings = {
            **broker.settings,
            "CLUSTER__STATUS_S": "0.5",
            "CLUSTER__AWAY_S": "3",
            "MONITORING__DATABASE_URL": url,
            "MONITORING__BEGIN": "oldest",
        }
        self.frame = 0

    def start(self, role: str, name: str) -> LivesightProcess:
        """A process, ready."""
        return self._stack.enter_context(LivesightProcess(["--roles", role], {**self._settings, "NODE_NAME": name}))

    def people_come(self, count: int) -> None:
        """Results of half a second in which `count` faces are seen at the door."""
        settings = KafkaSettings(bootstrap_servers=(self._broker.address,), topics=TopicsSettings(partitions=4))
        with KafkaBus(settings, LocalBus()) as bus:
            for _ in range(15):
                self.frame += 1
                bus.publish(message(result(self.frame, labels=("with_mask",) * count)))
            assert bus.flush(30)


@pytest.fixture
def shop(postgres: Postgres, broker: Broker) -> Iterator[Shop]:
    """Not started yet."""
    with ExitStack() as stack:
        yield Shop(broker, postgres.emptied(), stack)


def events(process: LivesightProcess, query: str = "") -> list[dict[str, Any]]:
    """The newest events as this process tells them; [] while it cannot."""
    try:
        found: list[dict[str, Any]] = process.get_json(f"/v1/events?limit=500{query}", 20)["events"]
    except urllib.error.HTTPError as error:
        assert error.code == 503
        return []
    return found


def problem(process: LivesightProcess, path: str) -> dict[str, Any]:
    """What is told instead of an answer."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        process.get(path, 20)
    with refused.value as error:
        found: dict[str, Any] = json.loads(error.read())
    return found


def test_one_monitor_answers_for_all_and_another_takes_over(shop: Shop) -> None:
    api = shop.start("api", "api-1")
    assert problem(api, "/v1/events")["type"].endswith("monitor-away")
    first = shop.start("monitor", "monitor-1")
    shop.people_come(2)
    api.wait_for(lambda: len(events(api, "&kind=track_began")) == 2, 60, "events through the api process")
    assert events(api) == events(first)
    assert problem(first, "/v1/streams")["status"] == 404, "a monitor has no streams to show"
    counts = api.get_json("/v1/events/counts?by=kind", 20)
    assert {one["value"]: one["count"] for one in counts["counts"]}["track_began"] == 2
    heard = follow(api)

    second = shop.start("monitor", "monitor-2")  # stands by, and asks the one that works
    assert second.metric("livesight_monitor_active") == 0
    assert len(events(second, "&kind=track_began")) == 2
    shop.people_come(3)
    api.wait_for(lambda: heard, 60, "an event on the live socket")
    assert json.loads(heard[0])["kind"] == "track_began"

    first.kill()
    second.wait_for(lambda: second.metric("livesight_monitor_active") == 1, 60, "taking over")
    shop.people_come(5)
    api.wait_for(lambda: len(events(api, "&kind=track_began")) == 5, 60, "events from the second monitor")
    began = events(api, "&kind=track_began")
    assert sorted(event["track_id"] for event in began) == [1, 2, 3, 4, 5]
    assert {event["session"] for event in began} == {SESSION}
    deleting = urllib.request.Request(f"{api.url}/v1/tracks/{began[0]['id']}", method="DELETE")
    with urllib.request.urlopen(deleting, timeout=20) as answer:  # by way of the monitor that works
        assert answer.status == 204
    assert not events(second, f"&track={began[0]['track_id']}") and len(events(api, "&kind=track_began")) == 4
    code, took_s = second.stop(15)
    assert (code, took_s < 10) == (0, True)


def follow(process: LivesightProcess) -> list[str]:
    """The data of server-sent events as they come from now on, until the process ends."""
    heard: list[str] = []
    answer = urllib.request.urlopen(f"{process.url}/v1/events/live?kind=track_began", timeout=120)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.readline().startswith(b":")

    def read() -> None:
        with answer:
            try:
                heard.extend(line[6:].decode() for line in answer if line.startswith(b"data: "))
            except (OSError, ValueError):
                return

    threading.Thread(target=read, daemon=True).start()
    return heard


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"ROLES": "monitor"}, "needs Kafka"),
        ({"ROLES": "monitor", "KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "needs PostgreSQL"),
        ({"ROLES": "api,monitor", "KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "needs PostgreSQL"),
        ({"MONITORING__DATABASE_URL": "mysql://u:s3cret@h/d"}, "mysql is not supported"),
        ({"MONITORING__DATABASE_URL": "sqlite:////proc/nothing/livesight.db"}, "/proc/nothing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_work_is_told_at_the_start(settings: dict[str, str], told: str, tmp_path: Path) -> None:
    process = LivesightProcess(settings=settings, state_dir=tmp_path)
    with pytest.raises(RuntimeError, match="ended with 2"):
        process.start()
    assert told in process.log()
    assert "s3cret" not in process.log() and "Traceback" not in process.log()
    process.__exit__(None, None, None)
