"""A scripted scene through the real detector and tracker: what is reported is what happens in it, and nothing else.

Also when the monitor is killed and started again in the midst of it and everything is delivered twice.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from monitoring.events.settings import EventSettings
from monitoring.events.tracks import TrackEvents
from monitoring.rules.rule import Rule
from monitoring.rules.rules import Rules
from stream.config import StreamConfig, StreamSettings
from stream.sources.source_urls import open_source
from tests.monitoring.script import START_NS, FixedConditions, FixedRules, FixedScenes, results, run, started
from tests.peers.kafka import Broker
from tests.peers.livesight_process import LivesightProcess
from tests.peers.scripted_scene import COUNTS, DESK_COUNTS, SCENE, TRUTH, make_scene
from workers.bus.event import Event, event_id
from workers.bus.message_bus import DETECTIONS, EVENTS
from workers.bus.result import FrameResult
from workers.inference.analyze import analyze
from workers.model_card import ModelStore, shipped_models_dir
from workers.settings import WorkerSettings

STREAM = SCENE.stream_id
RULES: list[dict[str, Any]] = [
    {
        "name": "no mask at the desk",
        "when": {"type": "seen", "labels": ["without_mask"], "zone": "desk", "for_s": 2},
        "severity": "critical",
        "cooldown_s": 5,
    },
    {"name": "two", "when": {"type": "count", "above": 1, "for_s": 1}, "cooldown_s": 5},
    {"name": "in", "when": {"type": "event", "kinds": ["line_crossed"], "direction": "in"}, "cooldown_s": 0},
]
"""Each holds twice in the scene."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> list[FrameResult]:
    """What detector and tracker make of the clip, dated as if it had been filmed."""
    path = make_scene(tmp_path_factory.mktemp("scene") / "scene.mp4", data_dir)
    config = StreamConfig(id=STREAM, url=f"file:{path}")
    source = open_source(config, StreamSettings(), live=False, allow_local=True)
    found = analyze(source, ("mask",), ModelStore([shipped_models_dir()]), WorkerSettings())
    return [result.model_copy(update={"captured_at_ns": START_NS + result.pts_us * 1000}) for result in found]


def check(events: Sequence[Event]) -> None:
    """Raises AssertionError unless these are the scene's events; alerts are not looked at."""
    began = sorted((event for event in events if event.kind == "track_began"), key=lambda event: event.pts_us)
    who = dict(zip((event.track_id for event in began), ("bob", "ada", "cleo"), strict=True))
    of_tracks = [event for event in events if event.kind != "count_changed" and event.rule is None]
    reported = Counter(
        (who[event.track_id], event.kind, event.label, event.zone or event.line or "", event.direction, event.reason)
        for event in of_tracks
    )
    assert reported == Counter((one.who, one.kind, one.label, one.place, one.direction, one.reason) for one in TRUTH)
    truths = {(one.who, one.kind, one.place): one for one in TRUTH}
    for event in of_tracks:
        truth = truths[who[event.track_id], event.kind, event.zone or event.line or ""]
        assert event.pts_us / 1e6 == pytest.approx(truth.at_s, abs=truth.within_s), truth
    for zone, truth_counts in ((None, COUNTS), ("desk", DESK_COUNTS)):
        counted = [event for event in events if event.kind == "count_changed" and event.zone == zone]
        counted.sort(key=lambda event: event.pts_us)
        assert [event.count for event in counted] == [number for _, number in truth_counts]
        assert [event.pts_us / 1e6 for event in counted] == pytest.approx([at_s for at_s, _ in truth_counts], abs=0.5)


def test_the_scene_is_told_as_it_is(seen: list[FrameResult]) -> None:
    handler = TrackEvents(EventSettings(), FixedScenes({STREAM: SCENE}))
    started([handler], STREAM)
    events = run([handler], seen)
    events += run([handler], results([], 0.1, stream_id=STREAM))  # another session: this one is over
    check(events)


def connection_lost(last: FrameResult) -> Event:
    """What the node says after the last frame."""
    said: Mapping[str, Any] = {
        "id": event_id("stream_down", STREAM, last.session, last.pts_us),
        "kind": "stream_down",
        "stream_id": STREAM,
        "session": last.session,
        "pts_us": last.pts_us,
        "captured_at_ns": last.captured_at_ns,
        "reason": "connection lost",
    }
    return Event.model_validate(said)


def told_at_once(seen: Sequence[FrameResult]) -> list[Event]:
    """What the handlers say when nothing is killed and nothing comes twice; with what the node said."""
    events = TrackEvents(EventSettings(), FixedScenes({STREAM: SCENE}))
    rules = Rules(FixedRules([Rule.model_validate(rule) for rule in RULES]), events, FixedConditions())
    started([events, rules], STREAM)
    reported = run([events, rules], seen)
    down = connection_lost(seen[-1])
    heard = [down]
    for handler in (events, rules):
        handler.take_event(down, heard)
    return [*reported, *heard]


class TwiceDelivered:
    """Sends results as a node does, only each of them twice, and now and then some of the last again."""

    def __init__(self, address: str, seen: Sequence[FrameResult]) -> None:
        self._producer = KafkaProducer(bootstrap_servers=address, acks="all")
        self._seen = seen
        self.sent = 0
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        for number, result in enumerate(self._seen):
            again = self._seen[max(0, number - 10) : number] if number % 40 == 39 else []
            for one in (result, result, *again):
                self._send(DETECTIONS, one.to_json())
            self.sent = number + 1
            time.sleep(0.05)
        for _ in range(2):
            self._send(EVENTS, connection_lost(self._seen[-1]).to_json())
        self._producer.flush(30)
        self._producer.close(5)

    def _send(self, topic: str, value: bytes) -> None:
        self._producer.send(topic, key=STREAM.encode(), value=value)


@pytest.fixture(params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path: Path, broker: Broker) -> Iterator[LivesightProcess]:
    """Livesight with Kafka: all roles on SQLite, or the monitor alone on PostgreSQL."""
    config = tmp_path / "livesight.yaml"
    monitoring: dict[str, Any] = {"begin": "oldest", "scenes": [SCENE.model_dump(mode="json")], "rules": RULES}
    arguments = ["--config", str(config)]
    if request.param == "postgresql":
        monitoring["database_url"] = request.getfixturevalue("postgres").emptied()
        arguments += ["--roles", "monitor"]
    kafka = {"bootstrap_servers": [broker.address], "topics": {"partitions": 4}}
    config.write_text(json.dumps({"monitoring": monitoring, "kafka": kafka}))  # JSON is YAML
    with LivesightProcess(arguments, state_dir=tmp_path / "state") as running:
        yield running


def stored(service: LivesightProcess) -> list[Event]:
    """All events of the scene, the oldest first."""
    page = service.get_json(f"/v1/events?stream={STREAM}&limit=500&order=oldest")
    assert page["next"] is None
    answered = ("snapshot_url", "picture_url", "clip_url", "names", "caption")  # what the page adds to an event
    return [Event.model_validate({key: one[key] for key in one if key not in answered}) for one in page["events"]]


def test_the_scene_is_told_once_whatever_is_killed_and_delivered_twice(
    seen: list[FrameResult], service: LivesightProcess, broker: Broker
) -> None:
    expected = told_at_once(seen)
    camera = TwiceDelivered(broker.address, seen)
    camera.thread.start()
    try:
        service.wait_for(partial(_has_stored, service, 10), 60, "events")
        service.kill()  # in the midst of it: some tracks are open, results go on coming
        service.start()
    finally:
        camera.thread.join(60)
    service.wait_for(partial(_has_stored, service, len(expected)), 60, "the end")
    service.wait_for(lambda: service.metric("livesight_monitor_lag_messages") == 0, 60, "rest")
    events = stored(service)
    check([event for event in events if event.kind != "stream_down"])
    raised = Counter(event.rule for event in events if event.kind == "alert")
    assert raised == Counter(event.rule for event in events if event.kind == "alert_ended")
    assert raised == {rule["name"]: 2 for rule in RULES}
    assert Counter(event.id for event in events) == Counter(event.id for event in expected)
    assert service.get_json("/v1/events/counts?bucket=hour")["total"] == len(expected)
    assert len(service.get_json("/v1/alerts?limit=100")["alerts"]) == 6
    published = service.wait_for(partial(_published, broker, expected), 30, "all events on the topic")
    assert published == {event.id for event in expected}


def _has_stored(service: LivesightProcess, least: int) -> bool:
    return len(stored(service)) >= least


def _published(broker: Broker, expected: Sequence[Event]) -> set[Any] | None:
    records = broker.read("livesight.events", len(expected) + 1)  # the camera said twice that it is down
    found = {Event.model_validate_json(record.value).id for record in records}
    return found if len(found) >= len(expected) else None
