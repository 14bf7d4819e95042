"""A node's gallery follows the records of people: encrypted, whole, and without those who were erased."""

from __future__ import annotations

import json

import numpy as np
import pytest

from workers.errors import SecretLocked
from workers.identity.gallery_follower import GalleryFollower
from workers.identity.person_record import (
    PersonLooks,
    encoded,
    enrolled_by,
    fingerprint,
    from_record,
    to_record,
)
from workers.secrets.keys import NO_KEYS, KeyMaterial, SecretKeys

KEYS = SecretKeys([KeyMaterial(b"a secret of the tests, long enough", "tests")])
OTHERS = SecretKeys([KeyMaterial(b"another secret of the tests, longer", "tests")])
ANNA, BEN = "01JD0000000000000000000ANN", "01JD0000000000000000000BEN"


def looks(*directions: int, against: tuple[int, ...] = (), embedder: str = "face-id/1") -> PersonLooks:
    """Looks in some of 128 directions."""
    one = np.eye(128, dtype=np.float16)
    return PersonLooks(
        version=3,
        embedder=embedder,
        looks=encoded(one[number].tobytes() for number in directions),
        counter_examples=encoded(one[number].tobytes() for number in against),
        threshold=0.4,
    )


def direction(number: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.eye(128, dtype=np.float32)[number]


def test_a_record_shows_nothing_and_is_bound_to_its_person() -> None:
    given = looks(1, 2, against=(5,))
    value = to_record(ANNA, given, KEYS)
    assert given.looks[0].encode() not in value and b"face-id" not in value
    assert json.loads(value).keys() == {"schema", "person", "sealed"}
    assert from_record(ANNA, value, KEYS) == given
    for keys in (OTHERS, NO_KEYS):
        with pytest.raises(SecretLocked):
            from_record(ANNA, value, keys)
    moved = value.replace(ANNA.encode(), BEN.encode())
    with pytest.raises(SecretLocked, match="another place"):
        from_record(BEN, moved, KEYS)
    with pytest.raises(ValueError, match="somebody else"):
        from_record(BEN, value, KEYS)
    plain = to_record(ANNA, given, None)
    assert from_record(ANNA, plain, None) == given
    with pytest.raises(ValueError, match="sealed"):
        from_record(ANNA, plain, KEYS)
    assert fingerprint(given) == fingerprint(given.model_copy(update={"version": 9, "threshold": 0.9}))
    assert fingerprint(given) != fingerprint(looks(1, 2))


def test_vectors_that_are_none_are_refused() -> None:
    long = np.full(128, 3.0, np.float16).tobytes()
    none = np.full(128, np.nan, np.float16).tobytes()
    short = np.eye(64, dtype=np.float16)[0].tobytes()
    for vectors in ((long,), (none,), (short, np.eye(128, dtype=np.float16)[0].tobytes())):
        with pytest.raises(ValueError):
            enrolled_by(looks(1).model_copy(update={"looks": encoded(vectors)}))


def test_the_gallery_follows() -> None:
    follower = GalleryFollower(KEYS)
    empty = follower.current()
    assert len(empty) == 0 and follower.current() is empty
    follower.apply(ANNA, to_record(ANNA, looks(1, 2), KEYS))
    follower.apply(BEN, to_record(BEN, looks(7, against=(7,)), KEYS))
    gallery = follower.current()
    assert gallery.people == (ANNA, BEN) and gallery.embedder == "face-id/1"
    assert gallery.match(direction(1)).person == ANNA
    assert gallery.match(direction(7)).person is None, "a counter-example refuses"
    follower.apply(ANNA, to_record(ANNA, looks(1, 2), KEYS))
    assert follower.current() is gallery, "the same again changes nothing"
    follower.apply(BEN, None)
    assert follower.current().people == (ANNA,)


def test_what_cannot_be_read_is_told_and_changes_nothing() -> None:
    follower = GalleryFollower(KEYS)
    follower.apply(ANNA, to_record(ANNA, looks(1), KEYS))
    gallery = follower.current()
    follower.apply(ANNA, b"{}")
    follower.apply(BEN, to_record(BEN, looks(3), OTHERS))
    assert follower.current() is gallery
    (problem,) = follower.problems()
    assert problem.startswith("people: 1 cannot be read: it is encrypted with key")
    follower.apply(BEN, to_record(BEN, looks(3, embedder="other/1"), KEYS))
    assert follower.current().people == (ANNA,)
    assert follower.problems() == ["people: 1 were enrolled with another face model, and are not recognised"]


def test_who_is_not_on_the_topic_any_more_is_forgotten() -> None:
    """A tombstone goes in time, and a node may have been away for longer."""
    follower = GalleryFollower(KEYS)
    for person, number in ((ANNA, 1), (BEN, 2)):
        follower.apply(person, to_record(person, looks(number), KEYS))
    follower.begin()
    follower.apply(BEN, to_record(BEN, looks(2), KEYS))
    assert follower.current().people == (ANNA, BEN), "until all is read, nobody is missing"
    follower.caught_up()
    assert follower.current().people == (BEN,)
