"""Drift from results to reports, alarms and conditions: a small world with a day that lasts as long as it takes.

Commissioning lasts one day here, whose images and people come from one seeded generator; every hour is alike.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from prometheus_client import generate_latest
from sqlalchemy import create_engine

from api.documents.message_schemas import json_schema
from monitoring.drift.drift import Drift, card_lookup
from monitoring.drift.metrics import CAMERA_FAULTS, DRIFT_DETECTED, DRIFT_SCORE
from monitoring.drift.sampler import DriftSample
from monitoring.drift.settings import DriftSettings
from tests.monitoring.drift.made import SCENE, START_S, box, figures, result
from workers.bus.drift_report import DRIFT_SCHEMA

DAY_S = 86400.0
SETTINGS = DriftSettings(commission_s=DAY_S, keep_firing_s=900)


class World:
    """A camera whose samples come straight, without the results that they are made of."""

    def __init__(self, drift: Drift, stream_id: str = "door", seed: int = 5) -> None:
        self.drift, self.stream_id = drift, stream_id
        self.rng = np.random.default_rng(seed)
        self.at_s = START_S
        drift.restore(stream_id, None)
        self.show(1)

    def learn(self, seconds: float) -> None:
        """So many seconds of samples, which nothing is asked about."""
        stream = self.drift._streams[self.stream_id]
        for sample in self._samples(seconds, {}):
            stream.add(sample)
        self.at_s += seconds

    def show(self, seconds: float, **other: Any) -> float | None:
        """So many seconds of samples, `other` than usual; when the alarm became another, in seconds from the first."""
        stream = self.drift._streams[self.stream_id]
        began_s, before = self.at_s, self.drift.drifts(self.stream_id)
        changed_s = None
        for sample in self._samples(seconds, other):
            stream.add(sample)
            if stream.is_due(sample.at_s):
                self._result(sample.at_s)
                if changed_s is None and self.drift.drifts(self.stream_id) != before:
                    changed_s = sample.at_s - began_s
        self.at_s = began_s + seconds
        self._result(self.at_s)
        return changed_s

    def _result(self, at_s: float) -> None:
        self.drift.take_result(result(at_s, stream_id=self.stream_id, session="none"), [])

    def _samples(self, seconds: float, other: dict[str, Any]) -> Iterator[DriftSample]:
        rng = self.rng
        for at_s in np.arange(self.at_s, self.at_s + seconds, 10.0).tolist():
            mean = {"brightness": 0.5, "contrast": 0.3, "focus": 0.6, "blockiness": 0.05} | other.get("picture", {})
            values = {name: float(np.clip(rng.normal(value, 0.01), 0, 1)) for name, value in mean.items()}
            yield DriftSample(at_s, "", 0, values, {"hash": other.get("hash", SCENE)})
            yield DriftSample(at_s, "mask", 1, {"boxes": float(rng.poisson(1.0))}, {})
            for step in range(2):
                bare = rng.random() < other.get("without", 0.2)
                sure = float(np.clip(rng.normal(other.get("sure", 0.8), 0.08), 0.3, 1))
                label = "without_mask" if bare else "with_mask"
                numbers = {"confidence": sure, "box_side": float(rng.uniform(0.1, 0.2)), "aspect": 0.45}
                yield DriftSample(at_s + 5 * step, "mask", 1, numbers, {"label": label})


@pytest.fixture(scope="module")
def state() -> Any:
    """What is known of a camera that was commissioned."""
    drift = Drift(SETTINGS, card_lookup(Path("nowhere")))
    world = World(drift)
    world.learn(DAY_S + 3600)
    return json.loads(json.dumps(drift.dump("door")))


@pytest.fixture(autouse=True)
def no_series_of_other_tests() -> Iterator[None]:
    """The process's metrics, as a process has them that begins."""
    yield
    DRIFT_SCORE.clear()
    DRIFT_DETECTED.clear()
    CAMERA_FAULTS.clear()


@pytest.fixture
def world(state: Any, tmp_path: Any) -> World:
    """A commissioned camera, after a restart."""
    drift = Drift(SETTINGS, card_lookup(tmp_path))
    made = World(drift)
    drift.restore("door", json.loads(json.dumps(state)))
    made.at_s = START_S + DAY_S + 3600
    return made


def test_quiet_hours_raise_nothing(world: World) -> None:
    assert world.show(2 * 3600) is None
    (report,) = [one for one in world.drift.reports() if one.model == "mask"]
    assert report.state == "watching"
    assert not report.drifted
    assert {feature.feature for feature in report.features} >= {"brightness", "label", "confidence", "boxes", "scene"}
    assert all(not feature.drifted for feature in report.features)


@pytest.mark.parametrize(
    ("change", "cause", "kind", "within_s"),
    [
        ({"picture": {"brightness": 0.3}}, "picture", "dark", 600),
        ({"picture": {"focus": 0.25, "blockiness": 0.02}}, "picture", "blurred", 600),
        ({"picture": {"blockiness": 0.6}}, "picture", "blocky", 600),
        ({"hash": "c3" * 32}, "picture", "moved", 600),
        ({"without": 0.6}, "population", "label", 900),
        ({"sure": 0.62}, "model", "confidence", 900),
        ({"picture": {"focus": 0.25}, "without": 0.6, "sure": 0.6}, "picture", "blurred", 600),
    ],
)
def test_changes_are_found_with_their_cause(
    world: World, change: dict[str, Any], cause: str, kind: str, within_s: float
) -> None:
    assert world.show(1200) is None
    after_s = world.show(within_s, **change)
    assert after_s is not None
    (alarm,) = world.drift.drifts("door")
    assert alarm.cause == cause
    assert alarm.model == "mask"
    assert alarm.since_ns <= alarm.known_ns
    report = world.drift.reports("door", "mask")[0]
    assert report.drifted
    assert report.kinds[0] == kind
    assert report.text
    assert any(feature.drifted for feature in report.features)
    shown = json.loads(report.to_json())
    jsonschema.validate(shown, json_schema("drift"))
    for feature in shown["features"]:
        assert sum(feature["shares"]) == pytest.approx(1, abs=0.01)
        assert sum(feature["reference_shares"]) == pytest.approx(1, abs=0.02)


def test_an_alarm_ends_when_all_is_as_it_was(world: World) -> None:
    world.show(600, picture={"brightness": 0.3})
    (first,) = world.drift.drifts("door")
    world.show(300, picture={"brightness": 0.3})
    assert world.drift.drifts("door") == (first,)
    world.show(1500)
    assert world.drift.drifts("door") == ()


def test_a_cause_that_comes_and_goes_is_one_alarm(world: World) -> None:
    world.show(600, picture={"brightness": 0.3})
    (first,) = world.drift.drifts("door")
    for _ in range(3):
        world.show(600)
        assert world.drift.drifts("door") == (first,)
        world.show(450, picture={"brightness": 0.3})
        assert world.drift.drifts("door") == (first,)


def test_what_comes_while_an_alarm_keeps_firing_is_told(world: World) -> None:
    """Both ways: people after the image is fine again, and the image after people."""
    world.show(600, picture={"brightness": 0.3})
    assert [alarm.cause for alarm in world.drift.drifts("door")] == ["picture"]
    world.show(420)
    assert [alarm.cause for alarm in world.drift.drifts("door")] == ["picture"]
    world.show(900, without=0.8)
    assert [alarm.cause for alarm in world.drift.drifts("door")] == ["population"]
    world.show(600, picture={"focus": 0.25, "blockiness": 0.02}, without=0.8)
    assert [alarm.cause for alarm in world.drift.drifts("door")] == ["picture"]


def test_an_alarm_outlives_a_restart(world: World, tmp_path: Any) -> None:
    world.show(600, picture={"brightness": 0.3})
    before = world.drift.drifts("door")
    assert before
    dumped = json.loads(json.dumps(world.drift.dump("door")))
    again = Drift(SETTINGS, card_lookup(tmp_path))
    again.restore("door", dumped)
    assert again.drifts("door") == before


def test_a_stream_without_results_is_compressed_and_goes_on_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.show(600, picture={"brightness": 0.3})
    before, reports, alarms = world.drift.dump("door"), world.drift.reports(), world.drift.drifts("door")
    held = len(pickle.dumps(world.drift._streams["door"]._series))
    world.drift.tick(0, [])  # it was heard of a moment ago
    assert len(pickle.dumps(world.drift._streams["door"]._series)) == held
    monkeypatch.setattr("monitoring.drift.drift.COMPRESS_AFTER_S", 0.0)
    world.drift.tick(0, [])
    stream = world.drift._streams["door"]
    assert len(pickle.dumps(stream._series)) + len(stream._compressed or b"") < held / 5
    assert world.drift.dump("door")["watch"] == before["watch"]
    assert (world.drift.reports(), world.drift.drifts("door")) == (reports, alarms)
    folded = world.drift.dump("door")
    again = Drift(SETTINGS, card_lookup(Path("nowhere")))
    again.restore("door", json.loads(json.dumps(folded)))
    assert again.dump("door")["series"] == folded["series"]
    world.show(3000)
    assert world.drift.drifts("door") == ()
    assert world.show(600, picture={"brightness": 0.3}) is not None


def test_a_state_that_cannot_be_read_is_none(tmp_path: Any) -> None:
    drift = Drift(SETTINGS, card_lookup(tmp_path))
    drift.restore("door", {"series": [["picture"]], "of": "another release"})
    drift.take_result(result(START_S, [], figures(START_S)), [])
    assert drift.drifts("door") == ()


def test_commissioning_anew_ends_the_alarm_and_learns(world: World) -> None:
    world.show(600, picture={"brightness": 0.3})
    assert world.drift.commission("door")
    assert not world.drift.commission("nobody")
    world.show(1200, picture={"brightness": 0.3})
    assert world.drift.drifts("door") == ()
    report = world.drift.reports("door", "mask")[0]
    assert report.state == "commissioning"
    assert 0 < report.commissioned_share < 0.1


def test_before_it_is_commissioned_the_card_is_looked_at(tmp_path: Any) -> None:
    drift = Drift(SETTINGS, card_lookup(tmp_path))
    world = World(drift)
    world.show(1800)
    report = drift.reports("door", "mask")[0]
    assert report.state == "commissioning"
    assert {feature.reference for feature in report.features} == {"card"}
    assert {feature.feature for feature in report.features} >= {"label", "confidence", "boxes", "brightness"}
    assert report.unlike_card  # faces of one size, in an image of one brightness: no photos of the web
    assert not report.drifted
    assert drift.drifts("door") == ()


def test_the_card_alarms_when_it_is_asked_to(tmp_path: Any) -> None:
    drift = Drift(SETTINGS.model_copy(update={"alarm_on_card": True}), card_lookup(tmp_path))
    World(drift).show(1800)
    assert drift.drifts("door")


def test_another_version_of_a_model_is_commissioned_anew(world: World) -> None:
    stream = world.drift._streams["door"]
    stream.add(DriftSample(world.at_s, "mask", 3, {"confidence": 0.8}, {"label": "with_mask"}))
    assert stream.series["tracks", "mask"].commissioned_s is None
    assert stream.series["picture", ""].commissioned_s is not None


def test_reports_are_published_now_and_then_and_at_every_change(world: World) -> None:
    connection = create_engine("sqlite://").connect()
    world.show(3600)
    quiet = world.drift.write(connection, [])
    assert len([one for one in quiet if '"model":"mask"' in one.body]) in (6, 7, 8)
    assert {one.schema for one in quiet} == {DRIFT_SCHEMA}
    assert {one.topic for one in quiet} == {"livesight.drift"}
    assert {one.key for one in quiet} == {"mask", "mask-classifier"}
    assert world.drift.write(connection, []) == []
    world.show(300, picture={"brightness": 0.3})
    changed = [json.loads(one.body) for one in world.drift.write(connection, [])]
    assert any(one["drifted"] for one in changed)
    connection.close()


def test_results_alone_make_samples_faults_and_reports(tmp_path: Any) -> None:
    """The whole way, a result at a time: people who come and go, then a black image."""
    drift = Drift(SETTINGS, card_lookup(tmp_path))
    drift.restore("door", None)
    for number in range(4 * 600):
        at_s = START_S + number / 4
        person, step = divmod(number, 20)
        seen = [box(person)] if step < 12 else []
        drift.take_result(result(at_s, seen, figures(float(int(at_s)))), [])
    assert drift.faults("door") == {}
    mask, classifier = drift.reports("door")
    assert (mask.model, classifier.model) == ("mask", "mask-classifier")
    assert {feature.feature for feature in classifier.features} == {"label", "confidence"}
    for number in range(10):
        at_s = START_S + 600 + number
        drift.take_result(result(at_s, [], figures(at_s, brightness=0.06, contrast=0.0, detail=0.0, changed=0.0)), [])
    assert list(drift.faults("door")) == ["black"]
    assert [fault.kind for fault in drift.reports("door")[0].faults] == ["black"]


def test_a_stream_that_is_forgotten_leaves_nothing(world: World) -> None:
    world.show(600, picture={"brightness": 0.3})
    world.drift.forget("door")
    assert world.drift.reports() == []
    assert world.drift.drifts("door") == ()
    assert world.drift.faults("door") == {}


def test_metrics_show_the_worst_camera_and_forget(world: World) -> None:
    world.show(600, picture={"brightness": 0.3})
    shown = generate_latest().decode()
    assert 'livesight_drift_detected{model="mask"} 1.0' in shown
    score = next(line for line in shown.splitlines() if 'livesight_drift_score{feature="brightness"' in line)
    assert float(score.rsplit(" ", 1)[1]) > 0.5
    world.drift.forget(None)
    assert "livesight_drift_score{" not in generate_latest().decode()
