"""Ranges of the past in words, on a Wednesday at half past three in Berlin; and misspelt words."""

from __future__ import annotations

from datetime import datetime

import pytest

from monitoring.ask.language.times import read_times
from monitoring.ask.language.words import Question, distance, normal
from tests.monitoring.ask.world import NOW, TZ

RANGES = {
    "between 9 and 10 yesterday": ("11-24 09:00", "11-24 10:00"),
    "yesterday from 9:30 to 17:15": ("11-24 09:30", "11-24 17:15"),
    "last Tuesday between 9 and 10 pm": ("11-24 21:00", "11-24 22:00"),
    "yesterday between 11 and 1": ("11-24 11:00", "11-24 13:00"),
    "from 22:00 to 2:00 yesterday": ("11-24 22:00", "11-25 02:00"),
    "9am to 5pm on Monday": ("11-23 09:00", "11-23 17:00"),
    "last night": ("11-24 22:00", "11-25 06:00"),
    "between 2 and 4 last night": ("11-25 02:00", "11-25 04:00"),
    "this morning": ("11-25 06:00", "11-25 12:00"),
    "at 3 yesterday afternoon": ("11-24 15:00", "11-24 16:00"),
    "at 14:10 yesterday": ("11-24 14:10", "11-24 14:11"),
    "around 9 yesterday": ("11-24 08:30", "11-24 09:30"),
    "on Friday": ("11-20 00:00", "11-21 00:00"),
    "on Wednesday": ("11-18 00:00", "11-19 00:00"),
    "Friday last week": ("11-20 00:00", "11-21 00:00"),
    "Friday night": ("11-20 22:00", "11-21 06:00"),
    "this week": ("11-23 00:00", "11-30 00:00"),
    "last week": ("11-16 00:00", "11-23 00:00"),
    "in the last week": ("11-18 15:30", "11-25 15:30"),
    "the weekend": ("11-21 00:00", "11-23 00:00"),
    "in October": ("10-01 00:00", "11-01 00:00"),
    "from 3 to 7 November": ("11-03 00:00", "11-08 00:00"),
    "on the 12th": ("11-12 00:00", "11-13 00:00"),
    "November 12, 2026": ("11-12 00:00", "11-13 00:00"),
    "between 2026-11-12 09:00 and 2026-11-13 12:00": ("11-12 09:00", "11-13 12:00"),
    "since Monday at 9": ("11-23 09:00", "11-25 15:30"),
    "until noon yesterday": ("11-24 00:00", "11-24 12:00"),
    "past 15 minutes": ("11-25 15:15", "11-25 15:30"),
    "two days ago": ("11-23 00:00", "11-24 00:00"),
    "on 25 October": ("10-25 00:00", "10-26 00:00"),
}


@pytest.mark.parametrize("words", RANGES)
def test_words_of_time_are_ranges_of_the_past(words: str) -> None:
    question = Question(words)
    (found,) = read_times(question, NOW, TZ).ranges
    wanted = [datetime.fromisoformat(f"2026-{text}").replace(tzinfo=TZ) for text in RANGES[words]]
    assert [found.since, found.until] == wanted
    assert question.unused() == []


def test_the_day_that_ends_summer_has_25_hours() -> None:
    (day,) = read_times(Question("on 25 October"), NOW, TZ).ranges
    assert day.since and day.until and day.until.timestamp() - day.since.timestamp() == 25 * 3600


@pytest.mark.parametrize(
    ("words", "hours", "weekdays"),
    [
        ("between 9 and 10 this week", ["09:00", "10:00"], []),
        ("at night this week", ["22:00", "06:00"], []),
        ("on Mondays this month", None, [0]),
        ("on weekends in November", None, [5, 6]),
    ],
)
def test_hours_and_weekdays_narrow_a_range(words: str, hours: list[str] | None, weekdays: list[int]) -> None:
    (found,) = read_times(Question(words), NOW, TZ).ranges
    assert (found.hours and [f"{at:%H:%M}" for at in found.hours], found.weekdays) == (hours, weekdays)
    spans = found.spans(TZ, NOW.replace(month=10), NOW)
    assert spans and all(since < until <= NOW for since, until in spans)
    assert all(not weekdays or since.weekday() in weekdays for since, _ in spans)


@pytest.mark.parametrize("words", ["tomorrow", "next Friday", "this weekend", "tonight", "on 31 February", "at 25:00"])
def test_what_is_not_in_the_past_is_no_range(words: str) -> None:
    assert read_times(Question(words), NOW, TZ).problem


@pytest.mark.parametrize("words", ["before lunch", "since the meeting", "after the truck", "between the tills"])
def test_what_is_no_time_stays(words: str) -> None:
    question = Question(words)
    assert read_times(question, NOW, TZ).ranges == [] and question.unused()


def test_slips_are_counted_in_letters() -> None:
    assert distance("entrence", "entrance", 2) == 1 and distance("warehosue", "warehouse", 2) == 1
    assert distance("people", "camera", 2) == 3
    assert normal("Who’s at Till-2, 9 a.m.?") == "who is at till 2 , 9 am"
