"""Who a look is like: thresholds, the margin to the second, counter-examples, and what a large gallery costs."""

from __future__ import annotations

import time

import numpy as np
import pytest

from workers.engines.engine import F32
from workers.identity.gallery import NOBODY, Gallery, mean_look
from workers.model_card import Calibration


def unit(*values: float) -> F32:
    """A look of four features, of unit length."""
    look = np.array([*values, *[0.0] * (4 - len(values))], np.float32)
    return (look / np.linalg.norm(look)).astype(np.float32)


def gallery(people: dict[str, F32], threshold: float = 0.5, vetoes: dict[str, F32] | None = None) -> Gallery:
    """Of these templates, all with the same threshold."""
    thresholds = np.full(len(people), threshold, np.float32)
    return Gallery(tuple(people), np.stack(list(people.values())), thresholds, vetoes or {}, "face-id/1")


def test_the_nearest_person_is_named() -> None:
    found = gallery({"ada": unit(1), "bob": unit(0, 1)}).match(unit(0.8, 0.6))
    assert (found.person, found.nearest) == ("ada", "ada")
    assert found.similarity == pytest.approx(0.8) and found.second == pytest.approx(0.6)
    assert found.margin == pytest.approx(0.2) and found.threshold == 0.5


def test_nobody_is_named_below_their_threshold_or_too_near_to_the_second() -> None:
    two = {"ada": unit(1), "bob": unit(0, 1)}
    far = gallery(two, threshold=0.9).match(unit(0.8, 0.6))
    assert (far.person, far.nearest) == (None, "ada")
    alike = gallery(two).match(unit(0.72, 0.69))
    assert alike.similarity > alike.threshold and alike.margin < Calibration().margin
    assert (alike.person, alike.nearest) == (None, "ada")


def test_the_law_of_the_embedder_decides() -> None:
    near, against = unit(0.8, 0.6), unit(0.6, 0, 0.8)
    usual = gallery({"ada": unit(1), "bob": unit(0, 1)}, vetoes={"ada": against[None]})
    assert usual.match(near).person == "ada"
    assert usual.by(Calibration(margin=0.3)).match(near).person is None, "bob is too near to her for that"
    stranger = unit(0.55, 0, 0.835)
    assert (
        usual.match(stranger).nearest == "bob" and usual.by(Calibration(same=0.999999)).match(stranger).person == "ada"
    )


def test_each_has_a_threshold_of_their_own() -> None:
    strict = Gallery(("ada", "bob"), np.stack([unit(1), unit(0, 1)]), np.array([0.9, 0.5], np.float32))
    assert strict.match(unit(0.8, 0.2, 0.5)).person is None
    assert strict.match(unit(0.2, 0.8, 0.5)).person == "bob"


def test_a_counter_example_refuses_what_resembles_it() -> None:
    stranger, known = unit(0.7, 0, 0.7), unit(0.95, 0.3)
    people = {"ada": unit(1), "bob": unit(0, 1)}
    assert gallery(people).match(stranger).person == "ada"
    contested = gallery(people, vetoes={"ada": stranger[None]})
    found = contested.match(unit(0.72, 0, 0.68))
    assert (found.person, found.nearest) == (None, "bob"), "the second stands where the first was refused"
    assert contested.similarities(stranger).tolist() == [NOBODY, pytest.approx(0.0)]
    assert contested.match(known).person == "ada", "who resembles the person more is still named"
    assert gallery(people, vetoes={"cy": stranger[None]}).match(stranger).person == "ada", (
        "one of nobody's changes none"
    )


def test_a_gallery_of_one_and_of_nobody() -> None:
    assert gallery({"ada": unit(1)}).match(unit(0.9, 0.3)).person == "ada"
    only = gallery({"ada": unit(1)}, vetoes={"ada": unit(1)[None]}).match(unit(1))
    assert (only.person, only.nearest) == (None, None)
    empty = Gallery.empty()
    assert (len(empty), empty.match(np.zeros(128, np.float32)).nearest) == (0, None)


def test_a_template_is_the_mean_of_looks() -> None:
    assert mean_look([unit(1), unit(0, 1)]) == pytest.approx(unit(1, 1))
    for wrong in ([], [unit(1), unit(-1)]):
        with pytest.raises(ValueError, match=r"look"):
            mean_look(wrong)


@pytest.mark.parametrize(
    ("people", "templates", "thresholds", "vetoes"),
    [
        (("ada", "ada"), np.eye(2), np.ones(2), {}),
        (("ada",), np.eye(2), np.ones(1), {}),
        (("ada",), np.eye(2)[:1], np.ones(2), {}),
        (("ada",), 3 * np.eye(2)[:1], np.ones(1), {}),
        (("ada",), np.eye(2)[:1], np.ones(1), {"ada": np.eye(3)}),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    people: tuple[str, ...], templates: F32, thresholds: F32, vetoes: dict[str, F32]
) -> None:
    with pytest.raises(ValueError, match=r"^gallery: "):
        Gallery(people, templates.astype(np.float32), thresholds.astype(np.float32), vetoes)


def test_a_look_of_another_embedder_is_refused() -> None:
    with pytest.raises(ValueError, match="192"):
        gallery({"ada": unit(1)}).match(np.zeros(192, np.float32))


def test_a_large_gallery_answers_at_once() -> None:
    """100,000 people: 2 to 4 ms on an idle machine; more where others are busy."""
    many = 100_000
    templates = np.zeros((many, 128), np.float32)
    templates[np.arange(many), np.arange(many) % 128] = 1.0
    large = Gallery(tuple(map(str, range(many))), templates, np.full(many, 0.5, np.float32))
    look = np.full(128, 128**-0.5, np.float32)
    took_s = []
    for _ in range(7):
        started = time.perf_counter()
        large.match(look)
        took_s.append(time.perf_counter() - started)
    assert min(took_s) < 0.1
