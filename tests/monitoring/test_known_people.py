"""Texts and answers have names only where they are told: whoever is erased is nobody from then on."""

from __future__ import annotations

from monitoring.core.known_people import (
    ERASED,
    NOBODY,
    UNTOLD,
    Known,
    by_name,
    members,
    mention,
    mentioned,
    named,
    names_of,
    unnamed,
)
from tests.monitoring.script import FixedPeople

ADA, BOB = "01KAHADA000000000000000000", "01KAHBOB000000000000000000"
PEOPLE = FixedPeople((Known(ADA, "Ada", ("Staff", "night shift")), Known(BOB, "Bob")))
TEXT = f"door: {mention(ADA)} (mask) and {mention(BOB)} are in zone desk {{not}}"


def test_a_text_is_told_with_names_or_without() -> None:
    assert mentioned(TEXT) == {ADA, BOB} and mentioned("nobody {person:}") == mentioned(None) == set()
    assert named(TEXT, PEOPLE) == "door: Ada (mask) and Bob are in zone desk {not}"
    assert unnamed(TEXT) == f"door: {UNTOLD} (mask) and {UNTOLD} are in zone desk {{not}}"


def test_whoever_is_erased_has_no_name() -> None:
    left = FixedPeople((Known(BOB, "Bob"),))
    assert named(TEXT, left) == f"door: {ERASED} (mask) and Bob are in zone desk {{not}}"
    assert names_of(left, [ADA, BOB, None]) == {BOB: "Bob"}
    assert names_of(NOBODY, [ADA]) == {}


def test_a_name_that_looks_like_a_mention_is_told_once() -> None:
    assert named(mention(ADA), FixedPeople((Known(ADA, mention(BOB)), Known(BOB, "Bob")))) == mention(BOB)


def test_groups_and_names_are_found_whatever_their_case() -> None:
    assert members(PEOPLE, ["STAFF"]) == {ADA}
    assert members(PEOPLE, ["night shift", "day shift"]) == {ADA} and members(PEOPLE, []) == frozenset()
    assert by_name(PEOPLE, ["ada", BOB, "carol"]) == [ADA, BOB, "carol"]
