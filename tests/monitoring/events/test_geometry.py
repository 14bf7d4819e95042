"""Lines and polygons: what must hold for any way, checked on random ones, also through the very points of a line."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from monitoring.events.geometry import anchor_of, contour_of, crossed, distance, inside

GRID = [number / 8 for number in range(9)]


def ways(seed: int, on_grid: bool) -> list[tuple[float, float]]:
    """A way of fifty steps; on a grid it often touches a line, stands on it, or goes along it."""
    chance = random.Random(seed)

    def place() -> float:
        return chance.choice(GRID) if on_grid else chance.random()

    return [(place(), place()) for _ in range(51)]


@pytest.mark.parametrize("on_grid", [False, True])
def test_crossings_of_an_endless_line_add_up_to_the_side_where_a_way_ends(on_grid: bool) -> None:
    start, end = (0.5, -100.0), (0.5, 100.0)  # its right, seen along it, is the picture's left
    for seed in range(200):
        way = ways(seed, on_grid)
        net = sum(crossed(start, end, *step) for step in pairwise(way))
        assert net == (way[-1][0] < 0.5) - (way[0][0] < 0.5)


@pytest.mark.parametrize("on_grid", [False, True])
def test_a_line_turned_round_counts_the_other_way(on_grid: bool) -> None:
    start, end = (0.25, 0.125), (0.75, 0.875)
    for seed in range(200):
        way = ways(seed, on_grid)
        for before, after in pairwise(way):
            touches = any(distance(start, end, point, 1.0) < 1e-9 for point in (before, after))
            if not touches:
                assert crossed(start, end, before, after) == -crossed(end, start, before, after)
                assert crossed(start, end, before, after) == -crossed(start, end, after, before)


def test_a_segment_is_crossed_between_its_ends_only() -> None:
    start, end = (0.2, 0.5), (0.6, 0.5)  # to the right of it, y growing downwards, is below
    assert crossed(start, end, (0.4, 0.3), (0.4, 0.7)) == 1
    assert crossed(start, end, (0.4, 0.7), (0.4, 0.3)) == -1
    assert crossed(start, end, (0.7, 0.3), (0.7, 0.7)) == 0
    assert crossed(start, end, (0.1, 0.3), (0.3, 0.7)) == 1  # through the very end, at 0.2
    assert crossed(start, end, (0.3, 0.5), (0.5, 0.5)) == 0  # along it


def test_distances_are_in_heights_of_the_picture() -> None:
    assert distance((0.5, 0.0), (0.5, 1.0), (0.6, 0.3), 16 / 9) == pytest.approx(0.1 * 16 / 9)
    assert distance((0.0, 0.5), (1.0, 0.5), (0.6, 0.3), 16 / 9) == pytest.approx(0.2)
    assert distance((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), 1.0) == pytest.approx(math.sqrt(0.5))


def test_anchors_stay_within_the_picture() -> None:
    assert anchor_of((100, 50, 200, 150), (400, 200), "foot") == (0.375, 0.75)
    assert anchor_of((100, 50, 200, 150), (400, 200), "centre") == (0.375, 0.5)
    assert anchor_of((-300, 50, 100, 250), (400, 200), "foot") == (0.0, 1.0)


def test_the_edge_is_inside_and_a_bow_tie_has_two_halves() -> None:
    square = contour_of([(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)])
    assert inside(square, (0.25, 0.5)) and inside(square, (0.75, 0.75)) and not inside(square, (0.76, 0.5))
    tie = contour_of([(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)])
    assert inside(tie, (0.1, 0.5)) and inside(tie, (0.9, 0.5)) and not inside(tie, (0.5, 0.1))
