"""Texts and answers have names only where they are told: whoever is erased is nobody from then on."""

from __future__ import annotations

import json

from monitoring.alerts.targets.notice import Notice
from monitoring.core.known_people import (
    ERASED,
    NOBODY,
    UNTOLD,
    UNTOLD_TO_ALL,
    Known,
    ToldNames,
    mention,
    mentioned,
    named,
    names_of,
    unnamed,
)
from tests.monitoring.happened import happened
from tests.monitoring.script import FixedPeople
from workers.access.principal import ALL_STREAMS, StreamScope

ADA, BOB = "01KAHADA000000000000000000", "01KAHBOB000000000000000000"
PEOPLE = FixedPeople((Known(ADA, "Ada", ("Staff", "night shift")), Known(BOB, "Bob")))
TEXT = f"door: {mention(ADA)} (mask) and {mention(BOB)} are in zone desk {{not}}"


def test_a_text_is_told_with_names_or_without() -> None:
    assert mentioned(TEXT) == {ADA, BOB} and mentioned("nobody {person:}") == mentioned(None) == set()
    assert named(TEXT, PEOPLE) == "door: Ada (mask) and Bob are in zone desk {not}"
    assert unnamed(TEXT) == f"door: {UNTOLD} (mask) and {UNTOLD} are in zone desk {{not}}"


def test_a_message_is_told_with_names_as_they_are_when_it_is_sent() -> None:
    event = happened(1, "alert", text=TEXT, person=ADA, rule="desk")
    sent = json.loads(Notice("n", "alert", event, {}).told(PEOPLE).to_json())
    assert sent["text"] == sent["data"]["text"] == "door: Ada (mask) and Bob are in zone desk {not}"
    assert sent["names"] == {ADA: "Ada", BOB: "Bob"} and sent["data"]["person"] == ADA
    erased = Notice("n", "alert", event, {}).told(FixedPeople())
    assert "Ada" not in erased.words() and ERASED in erased.words() and erased.names == {}
    plain = Notice("n", "alert", happened(1, "alert", text="door: A car", rule="desk"), {})
    assert plain.told(PEOPLE) == plain


def test_whoever_is_erased_has_no_name() -> None:
    left = FixedPeople((Known(BOB, "Bob"),))
    assert named(TEXT, left) == f"door: {ERASED} (mask) and Bob are in zone desk {{not}}"
    assert names_of(left, [ADA, BOB, None]) == {BOB: "Bob"}
    assert names_of(NOBODY, [ADA]) == {}


def test_a_name_that_looks_like_a_mention_is_told_once() -> None:
    assert named(mention(ADA), FixedPeople((Known(ADA, mention(BOB)), Known(BOB, "Bob")))) == mention(BOB)


def test_a_filter_takes_names_of_who_may_see_all_of_them() -> None:
    everywhere, here = (ToldNames(PEOPLE, scope) for scope in (ALL_STREAMS, StreamScope(("door",))))
    assert everywhere.asked(["ada", BOB, "carol", ADA]) == [ADA, BOB, "carol"]
    assert here.asked(["ada", BOB]) == ["ada", BOB]


def test_names_are_told_of_streams_on_which_they_may_be_seen() -> None:
    here = ToldNames(PEOPLE, StreamScope(("door",)))
    assert here.of("door", [ADA, None]) == {ADA: "Ada"} and here.of("yard", [ADA]) == {}
    assert here.text("door", mention(BOB)) == "Bob" and here.text("yard", mention(BOB)) == UNTOLD
    assert here.text("door", None) is None and UNTOLD_TO_ALL.text("door", mention(BOB)) == UNTOLD
