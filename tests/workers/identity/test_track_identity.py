"""Who a track is by its looks: what names it, what takes the name back, and what begins a new pool."""

from __future__ import annotations

import numpy as np

from tests.workers.identity.test_gallery import gallery, unit
from workers.engines.engine import F32
from workers.identity.gallery import Gallery
from workers.identity.track_identity import FEW, HOLD, TrackIdentity
from workers.model_card import Calibration

PEOPLE = {"ada": unit(1), "bob": unit(0, 1)}


def like(similarity: float, other: float = 0.0, towards: int = 2) -> F32:
    """A look so similar to ada, and so to bob; the rest of it towards one of two other features."""
    rest = np.zeros(4, np.float32)
    rest[towards] = np.sqrt(1 - similarity**2 - other**2)
    return rest + np.array([similarity, other, 0, 0], np.float32)


def who(*looks: F32, known: Gallery | None = None) -> tuple[TrackIdentity, list[str | None]]:
    """A track with these looks, and whose it was after each."""
    track, said = TrackIdentity(), []
    for look in looks:
        track.add(look, known or gallery(PEOPLE))
        said.append(None if track.claim is None else track.claim.person)
    return track, said


def test_one_look_well_above_the_threshold_or_two_above_it_name() -> None:
    assert who(like(0.6))[1] == ["ada"]
    track, said = who(like(0.52), like(0.52))
    assert said == [None, "ada"]
    assert track.claim is not None and track.claim.threshold == 0.5
    assert who(like(0.45), like(0.48), like(0.49))[1] == [None, None, None]


def test_a_mean_above_the_threshold_is_not_enough() -> None:
    """Looks that differ raise their mean, without any of them being like the person."""
    track, said = who(like(0.49), like(0.49, towards=3), like(0.49), like(0.49, towards=3))
    assert said == [None] * 4 and track.claim is None


def test_two_people_who_are_both_likely_name_nobody() -> None:
    assert who(like(0.6, 0.55))[1] == [None]


def test_a_name_is_held_a_little_below_the_threshold_and_then_lost() -> None:
    track, said = who(like(0.6), like(0.45), like(0.42))
    assert said == ["ada", "ada", "ada"] and track.claim is not None
    assert 0.5 - HOLD <= track.claim.similarity < 0.5
    assert who(like(0.6), like(0.3), like(0.2), like(0.2))[1][-1] is None
    assert who(like(0.45), like(0.48))[1] == [None, None], "who was never named is not held"


def test_a_look_that_is_somebody_else_by_itself_begins_a_new_pool() -> None:
    """Though it is a little like those before, as any two faces may be, and their mean would still be named."""
    track, said = who(like(0.9), like(0.9), like(0.3, 0.62))
    assert said == ["ada", "ada", "bob"] and track.count == 1


def test_where_the_picture_changed_at_once_a_name_needs_a_look_that_is_surely_of_the_same() -> None:
    known = gallery(PEOPLE)
    for similarity, alike in ((0.3, False), (0.55, True)):
        track, _ = who(like(0.9), like(0.9))
        assert track.add(like(similarity, towards=3), known, doubted=True) is alike
        assert (track.claim is not None) is alike
        track, _ = who(like(0.9), like(0.9))
        assert track.add(like(similarity, towards=3), known), "without a doubt it is one of many looks"


def test_how_alike_looks_of_one_person_are_is_the_embedders() -> None:
    for law, doubted in ((Calibration(different=0.6), False), (Calibration(same=0.6), True)):
        known = gallery(PEOPLE)
        assert who(like(0.9))[0].add(like(0.55, towards=3), known, doubted=doubted)
        assert not who(like(0.9))[0].add(like(0.55, towards=3), known.by(law), doubted=doubted)


def test_a_look_unlike_the_pool_begins_a_new_one() -> None:
    track, _ = who(like(0.9), like(0.9))
    assert track.count == 2
    assert not track.add(unit(0, 1), gallery(PEOPLE)) and track.count == 1
    assert track.claim is not None and track.claim.person == "bob"
    assert track.add(unit(0.1, 1), gallery(PEOPLE))


def test_a_change_of_the_gallery_decides_without_a_look() -> None:
    track, _ = who(unit(0, 0, 1), unit(0, 0, 1))
    assert track.claim is None
    with_cy = gallery({**PEOPLE, "cy": unit(0, 0, 1)})
    claim = track.decide(with_cy)
    assert claim is not None and claim.person == "cy"
    assert track.decide(gallery(PEOPLE)) is None, "erased: gone at once"
    contested = gallery({**PEOPLE, "cy": unit(0, 0, 1)}, vetoes={"cy": unit(0, 0, 1)[None]})
    assert track.decide(with_cy) is not None and track.decide(contested) is None


def test_likely_tracks_are_told_from_others_for_a_few_looks() -> None:
    likely, _ = who(like(0.46))
    assert likely.promising and likely.claim is None
    assert not who(like(0.2))[0].promising and not who(like(0.48, 0.45))[0].promising
    assert not who(*[like(0.46)] * FEW)[0].promising
