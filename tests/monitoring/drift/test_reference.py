"""What a week of labels becomes: hours that are alike lend each other what they know, those that differ do not."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np

from monitoring.drift.features import TRACK_FEATURES
from monitoring.drift.reference.hourly import HourlyLabels
from monitoring.drift.reference.learning import Reference

BLOCK_S = 540.0


def a_week(chances: list[float], labels: tuple[str, ...] = ("with_mask", "without_mask")) -> HourlyLabels:
    """Seven days, 60 tracks an hour; `chances`: by hour, of the second label."""
    rng = np.random.default_rng(5)
    reference = Reference({"label": TRACK_FEATURES["label"]}, BLOCK_S)
    for at_s in np.arange(0, 7 * 86400, 60.0).tolist():
        second = rng.random() < chances[int(at_s // 3600) % 24]
        reference.add(at_s, {}, {"label": labels[int(second)]})
    _, known = reference.finish()
    return known["label"]


def test_hours_that_are_alike_share_what_they_know() -> None:
    known = a_week([0.2] * 24)
    shares = known.shares[:, known.labels.index("without_mask")]
    assert np.abs(shares - 0.2).max() < 0.02, "420 samples of an hour alone are off by up to 0.05"
    assert np.allclose(known.shares.sum(axis=1), 1)


def test_hours_that_differ_stay_as_they_are() -> None:
    known = a_week([0.2] * 12 + [0.5] * 12)
    shares = known.shares[:, known.labels.index("without_mask")]
    assert np.abs(shares[:12] - 0.2).max() < 0.06 and np.abs(shares[12:] - 0.5).max() < 0.07


def test_one_label_is_no_trouble() -> None:
    known = a_week([0.0] * 24)
    assert known.labels == ("with_mask",) and known.known
    assert np.allclose(known.shares, 1) and np.allclose(known.between, 0)


def test_an_hour_that_was_seen_costs_an_hour_and_comes_back_from_what_is_kept() -> None:
    features = {name: TRACK_FEATURES[name] for name in ("confidence", "box_side", "aspect", "label")}
    reference = Reference(features, BLOCK_S)
    tracemalloc.start()
    for at_s in (10.0, 20.0, 3700.0):
        reference.add(at_s, {"confidence": 0.8, "box_side": 0.1, "aspect": 0.4}, {"label": "with_mask"})
    cost, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert cost < 24_000, "a day's histograms would be 58,000 bytes"
    back = Reference(features, BLOCK_S)
    back.restore(json.loads(json.dumps(reference.dump())))
    for name, known in reference.numeric.items():
        assert np.array_equal(back.numeric[name].counts, known.counts), name
        assert known.counts.sum(axis=1).tolist() == [2, 1, *[0] * 22]
