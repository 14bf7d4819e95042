"""Figures against independent implementations, and against cases that can be counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import supervision as sv
from supervision.metrics import MeanAveragePrecision

from training.data.labelled import Labelled
from training.data.voc import LabelledBox
from training.errors import EvaluationError
from training.evaluation.average_precision import bootstrap, interval, mean_ap, resamples
from training.evaluation.classification_figures import Answer, classification_figures
from training.evaluation.detection_figures import ImageArrays, calibration, detection_figures, gain_over, match_classes
from training.evaluation.gates import judge, read_gates
from training.evaluation.served_model import ImagePredictions
from workers.model_card import ModelCard

CARD = ModelCard(
    name="shapes",
    version=1,
    task="detect",
    classes=("disc", "square"),
    shapes_wh=((160, 128),),
    files={},
    licence="AGPL-3.0",
)


def image(rng: np.random.Generator, jitter: float) -> ImageArrays:
    """Random objects; most are found a little beside, some with the wrong class, and some boxes are nothing."""
    count = int(rng.integers(0, 6))
    corner = rng.uniform(0, 400, (count, 2))
    truth = np.hstack([corner, corner + rng.uniform(8, 150, (count, 2))]).astype(np.float32)
    ids = rng.integers(0, 2, count)
    kept = rng.random(count) < 0.8
    found = truth[kept] + rng.normal(0, jitter, (kept.sum(), 4)).astype(np.float32)
    found_ids = np.where(rng.random(kept.sum()) < 0.9, ids[kept], 1 - ids[kept])
    more = int(rng.integers(0, 4))
    corner = rng.uniform(0, 400, (more, 2))
    extra = np.hstack([corner, corner + rng.uniform(8, 150, (more, 2))]).astype(np.float32)
    xyxy = np.vstack([found, extra]).astype(np.float32)
    return ImageArrays(
        truth, ids, xyxy, rng.random(len(xyxy)).astype(np.float32), np.append(found_ids, rng.integers(0, 2, more))
    )


def seen(data: list[ImageArrays]) -> list[ImagePredictions]:
    out = []
    for item in data:
        boxes = tuple(
            LabelledBox(CARD.classes[index], tuple(map(float, xyxy)))  # type: ignore[arg-type]
            for index, xyxy in zip(item.truth_id, item.truth, strict=True)
        )
        labelled = Labelled(Path("image.jpg"), boxes)
        out.append(
            ImagePredictions(
                labelled, item.xyxy, item.confidence, item.class_id.astype(np.float32), (0.001, 0.001, 0.01)
            )
        )
    return out


@pytest.fixture(scope="module")
def data() -> list[ImageArrays]:
    rng = np.random.default_rng(4)
    return [image(rng, 1.5) for _ in range(120)]


def test_average_precision_is_that_of_supervision(data: list[ImageArrays]) -> None:
    metric = MeanAveragePrecision()
    metric.update(
        [sv.Detections(xyxy=i.xyxy, confidence=i.confidence, class_id=i.class_id.astype(int)) for i in data],
        [sv.Detections(xyxy=i.truth, class_id=i.truth_id.astype(int)) for i in data],
    )
    theirs = metric.compute()
    ours = mean_ap(match_classes(CARD, data))
    assert ours == pytest.approx((theirs.map50, theirs.map50_95), abs=1e-4)
    assert 0.2 < ours[1] < ours[0] < 0.95


def test_the_interval_holds_the_value_and_shrinks_with_more_pictures(data: list[ImageArrays]) -> None:
    widths = []
    for images in (data[:30], data):
        matches = match_classes(CARD, images)
        low, high = interval(bootstrap(matches, resamples(len(images), 200))[:, 0])
        assert low < mean_ap(matches)[0] < high
        widths.append(high - low)
    assert widths[1] < widths[0]


def test_a_weight_of_two_counts_as_two_pictures(data: list[ImageArrays]) -> None:
    weights = np.ones(len(data))
    weights[:40] = 2
    assert mean_ap(match_classes(CARD, data), weights) == pytest.approx(
        mean_ap(match_classes(CARD, data + data[:40])), abs=2e-3
    )


def test_by_size_and_confusion_by_hand() -> None:
    truth = np.array([[0, 0, 10, 10], [50, 50, 80, 80], [100, 100, 200, 200]], np.float32)
    found = np.array([[0, 0, 10, 10], [50, 50, 80, 80], [300, 300, 400, 400]], np.float32)
    item = ImageArrays(truth, np.array([0, 0, 1]), found, np.array([0.9, 0.8, 0.7], np.float32), np.array([0, 1, 1]))
    figures = detection_figures(CARD, seen([item]), draws=0)
    assert {size: row["objects"] for size, row in figures["by_size"].items()} == {"small": 1, "medium": 1, "large": 1}
    assert [figures["by_size"][size]["map50"] for size in ("small", "medium", "large")] == [1.0, 0.0, 0.0]
    assert figures["confusion"]["matrix"] == [[1, 1, 0], [0, 0, 1], [0, 1, 0]]
    assert figures["at_thresholds"]["recall"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["at_thresholds"]["label_right"] == 0.5


def test_calibration_of_an_honest_and_of_a_boastful_model() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(20_000)
    honest = calibration(confidence, rng.random(20_000) < confidence)
    boastful = calibration(np.full(1000, 0.95), np.arange(1000) % 2 == 0)
    assert honest["ece"] < 0.02
    assert boastful["ece"] == pytest.approx(0.45, abs=1e-6)
    assert calibration(np.zeros(0), np.zeros(0))["ece"] is None


def test_a_better_challenger_is_told_from_an_equal_one(data: list[ImageArrays]) -> None:
    rng = np.random.default_rng(9)
    shaken = [(i, (i.xyxy + rng.normal(0, 8, i.xyxy.shape)).astype(np.float32)) for i in data]
    worse = [ImageArrays(i.truth, i.truth_id, xyxy, i.confidence, i.class_id) for i, xyxy in shaken]
    better = gain_over(CARD, seen(data), seen(worse), draws=200)
    same = gain_over(CARD, seen(data), seen(data), draws=200)
    assert better["gain"] > 0.01 and better["p_gain"] > 0.99
    assert same["gain"] == 0 and same["p_gain"] == 0
    assert all(v.passed for v in judge({"gain": 0.01, "p_gain": 0.9}, {"challenge": better}))
    assert not any(v.passed for v in judge({"gain": 0.01, "p_gain": 0.9}, {"challenge": same}))


def test_gates() -> None:
    assert read_gates(None, "detect", champion=False) == {"map50": 0.85}
    assert read_gates("f1=0.7", "classify", champion=False) == {"accuracy": 0.85, "f1": 0.7}
    assert read_gates("map50=0.5", "detect", champion=True) == {"map50": 0.5, "gain": 0.01, "p_gain": 0.9}
    assert read_gates("none", "detect", champion=True) == {}
    with pytest.raises(EvaluationError, match="unknown gate 'mapp50'; there are: map50"):
        read_gates("mapp50=1", "detect", champion=False)
    with pytest.raises(EvaluationError, match="map50=high"):
        read_gates("map50=high", "detect", champion=False)
    slow = judge({"latency_most_ms": 50, "map50": 0.8}, {"map50": None, "latency_ms": {"total": {"p50": 60.0}}})
    assert [verdict.passed for verdict in slow] == [False, False]


def test_a_classifiers_figures_by_hand() -> None:
    said = [(0, 0.9), (0, 0.8), (0, 0.4), (1, 0.3), (1, 0.6), (1, 0.1)]
    answers = [
        Answer(Path("c.jpg"), truth, np.array([first, 1 - first], np.float32), (0.0, 0.0, 0.001))
        for truth, first in said
    ]
    card = CARD.model_copy(update={"task": "classify"})
    figures, roc = classification_figures(card, answers, draws=100)
    assert figures["accuracy"] == pytest.approx(4 / 6, abs=1e-4)
    assert figures["confusion"]["matrix"] == [[2, 1], [1, 2]]
    assert roc["disc"][2] == pytest.approx(8 / 9)  # of 9 pairs one is in the wrong order
