"""A scripted scene through the real detector and tracker: what is told is what happens in it, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from monitoring.event import Event
from monitoring.event_settings import EventSettings
from monitoring.tracks import Events
from stream.config import StreamConfig, StreamSettings
from stream.open import open_source
from tests.monitoring.script import START_NS, FixedScenes, results, run, started
from tests.peers.scripted_scene import COUNTS, DESK_COUNTS, SCENE, TRUTH, make_scene
from workers.analyze import analyze
from workers.card import ModelStore, shipped_models_dir
from workers.result import FrameResult
from workers.settings import WorkerSettings

STREAM = SCENE.stream_id


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> list[FrameResult]:
    """What detector and tracker make of the clip, dated as if it had been filmed."""
    path = make_scene(tmp_path_factory.mktemp("scene") / "scene.mp4", data_dir)
    config = StreamConfig(id=STREAM, url=f"file:{path}")
    source = open_source(config, StreamSettings(), live=False, allow_local=True)
    found = analyze(source, ("mask",), ModelStore([shipped_models_dir()]), WorkerSettings())
    return [result.model_copy(update={"captured_at_ns": START_NS + result.pts_us * 1000}) for result in found]


def check(events: Sequence[Event]) -> None:
    """Raises AssertionError unless these are the scene's events."""
    began = sorted((event for event in events if event.kind == "track_began"), key=lambda event: event.pts_us)
    who = dict(zip((event.track_id for event in began), ("bob", "ada", "cleo"), strict=True))
    of_tracks = [event for event in events if event.kind != "count_changed" and event.rule is None]
    told = sorted(
        (who[event.track_id], event.kind, event.label, event.zone or event.line or "", event.direction, event.reason)
        for event in of_tracks
    )
    assert told == sorted((one.who, one.kind, one.label, one.place, one.direction, one.reason) for one in TRUTH)
    for event in of_tracks:
        (truth,) = (
            one
            for one in TRUTH
            if (one.who, one.kind, one.place) == (who[event.track_id], event.kind, event.zone or event.line or "")
        )
        assert event.pts_us / 1e6 == pytest.approx(truth.at_s, abs=truth.within_s), truth
    for zone, truth_counts in ((None, COUNTS), ("desk", DESK_COUNTS)):
        counted = [event for event in events if event.kind == "count_changed" and event.zone == zone]
        counted.sort(key=lambda event: event.pts_us)
        assert [event.count for event in counted] == [number for _, number in truth_counts]
        assert [event.pts_us / 1e6 for event in counted] == pytest.approx([at_s for at_s, _ in truth_counts], abs=0.5)


def test_the_scene_is_told_as_it_is(seen: list[FrameResult]) -> None:
    handler = Events(EventSettings(), FixedScenes({STREAM: SCENE}))
    started([handler], STREAM)
    events = run([handler], seen)
    events += run([handler], results([], 0.1, stream_id=STREAM))  # another session: this one is over
    check(events)
