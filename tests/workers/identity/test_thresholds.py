"""The more people are enrolled, and the more alike they are, the more alike a look must be."""

from __future__ import annotations

import numpy as np
import pytest

from workers.identity.thresholds import (
    DEFAULT_SHARE,
    STRICT_SHARE,
    explain,
    nearest,
    person_thresholds,
    share_named,
    threshold,
)


def test_the_law_is_the_measured_one() -> None:
    """The hard set of docs/people-model.md, 35 people: at .46 1.11 % of strangers got a name, at .50 0.15 %."""
    assert threshold(0.0111, 35) == pytest.approx(0.46, abs=0.015)
    assert threshold(0.0015, 35) == pytest.approx(0.50, abs=0.015)
    assert threshold(DEFAULT_SHARE, 10) < threshold(DEFAULT_SHARE, 1000) < threshold(STRICT_SHARE, 1000)
    assert share_named(threshold(0.01, 300), 300) == pytest.approx(0.01)
    assert threshold(1e-9, 10**9) == 0.95
    with pytest.raises(ValueError, match=r"share: 0 .* at most 1"):
        threshold(0, 10)


def test_look_alikes_must_look_more_like_themselves() -> None:
    twins = np.array([[1, 0, 0, 0], [0.8, 0.6, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], np.float32)
    assert nearest(twins, rows=3).tolist() == pytest.approx([0.8, 0.8, 0, 0])
    found = person_thresholds(twins, np.array([False, False, False, True]))
    usual = threshold(DEFAULT_SHARE, 4)
    assert found[2] == pytest.approx(usual) and found[3] == pytest.approx(threshold(STRICT_SHARE, 4))
    assert found[0] == found[1] == pytest.approx(usual + 0.15)
    assert person_thresholds(np.zeros((0, 4), np.float32), np.zeros(0, bool)).shape == (0,)
    assert nearest(twins[:1]).tolist() == [-1]


@pytest.mark.parametrize(
    ("value", "people", "said"),
    [
        (0.446, 30, "1 stranger in 3,000 looks enough like this person to get the name, and 1 in 99 like one of 30"),
        (0.3, 1, "1 stranger in 21 looks enough like this person to get the name"),
        (0.9, 1, "1 stranger in a million or more"),
        (0.2, 50, "most strangers would get a name"),
    ],
)
def test_a_threshold_in_words(value: float, people: int, said: str) -> None:
    assert said in explain(value, people)
