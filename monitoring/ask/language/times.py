"""Ranges of the past in words: what dates and times of day in a question mean together. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from monitoring.ask.language.clocks import ClockReader, Hours
from monitoring.ask.language.dates import Calendar, Stretch
from monitoring.ask.language.words import Question
from monitoring.ask.plan import PlanRange

_RESTART = r"(?:since|after) (?:the )?(?:(?:last|latest|most recent) )?(?:restart(?:ed)?|it was restarted|it restarted)"
_EVER = r"(?:ever|so far|all time|of all time|in total|overall|altogether)"
_NOW = r"(?:right now|just now|now|currently|at the moment|at present|at this moment)"


@dataclass(slots=True)
class Times:
    """What was said of time: ranges in their order, none where nothing was; or why there is no such time.

    now: what is the case, not what was; ever: all that is stored; restart: since Livesight was restarted.
    """

    ranges: list[PlanRange] = field(default_factory=list)
    now: bool = False
    ever: bool = False
    restart: bool = False
    problem: str = ""


def read_times(question: Question, now: datetime, zone: ZoneInfo) -> Times:
    """Takes all words of time out of the question."""
    times = Times(restart=question.takes(_RESTART), ever=question.takes(_EVER))
    question.takes(r"(?:until|up to|till) now")
    times.now = question.takes(_NOW)
    calendar, clocks = Calendar(question, now, zone), ClockReader(question)
    night = question.takes("last night", "<night>")
    tonight = question.takes("tonight", "<night>")
    question.take(r"this(?= (?:morning|afternoon|evening|night))", "today")
    calendar.read()
    clocks.read()
    if calendar.future:
        times.problem = "that lies in the future"
    if bad := calendar.impossible or clocks.impossible:
        times.problem = f"there is no such time as “{bad}”"
    if times.problem:
        return times
    if night or tonight:
        calendar.periods.append(_night(calendar, tonight))
        question.take("<night>", f"<d{len(calendar.periods) - 1}>")
    try:
        times.ranges = _Combination(question, calendar, clocks.found).ranges()
    except ValidationError:
        times.problem = "its times do not go together"
    begin = times.ranges[0].since if times.ranges else None
    if begin is not None and begin > now:
        times.problem = "that lies in the future"
    return times


def _night(calendar: Calendar, tonight: bool) -> Stretch:
    """From ten to six; tonight from six in the evening on."""
    today = calendar.day(calendar.now.date(), "")
    if tonight:
        return Stretch(today.since + timedelta(hours=18), today.until, "tonight")
    before = calendar.day(calendar.now.date() - timedelta(days=1), "")
    return Stretch(before.since.replace(hour=22), today.since.replace(hour=6), "last night")


class _Combination:
    """Dates and hours that belong together."""

    def __init__(self, question: Question, calendar: Calendar, hours: list[Hours]) -> None:
        self._question = question
        self._calendar = calendar
        self._periods: dict[int, Stretch] = dict(enumerate(calendar.periods))
        self._hours: dict[int, Hours] = dict(enumerate(hours))

    def ranges(self) -> list[PlanRange]:
        """In the order in which they were said."""
        self._exact_pairs()
        self._pairs_of_days()
        self._days_of_weeks()
        self._open_ends()
        order = [int(number) for number in re.findall(r"<d(\d+)>", self._question.left)]
        periods = [self._periods[number] for number in order]
        hours = [self._hours[int(number)] for number in re.findall(r"<h(\d+)>", self._question.left)]
        if not periods and (hours or self._calendar.weekdays):
            periods = [self._usual(hours)]
        return [self._range(period, hours) for period in periods]

    def _usual(self, hours: list[Hours]) -> Stretch:
        """Where no day is said: today, or yesterday as long as that time of today is to come; of weekdays all."""
        if self._calendar.weekdays:
            return Stretch(self._calendar.now - timedelta(days=92), self._calendar.now, "")
        today = self._calendar.day(self._calendar.now.date(), "today")
        begun = today.since + timedelta(minutes=min(one.since or 0 for one in hours))
        return (
            today if begun < self._calendar.now else self._calendar.day(begun.date() - timedelta(days=1), "yesterday")
        )

    def _exact_pairs(self) -> None:
        """Between a time of one day and a time of another."""
        pattern = r"(?:between|from)? ?<d(\d+)> (?:at )?<h(\d+)> (?:and|to|until|till|-) <d(\d+)> (?:at )?<h(\d+)>"
        exact = r"(?:between|from)? ?<d(\d+)> (\d{1,2}):(\d\d) (?:and|to|until|till|-) <d(\d+)> (\d{1,2}):(\d\d)"
        for one in (pattern, exact):
            while found := re.search(one, self._question.left):
                groups = [int(group) for group in found.groups()]
                if len(groups) == 4:
                    first, begin, last, end = groups
                    minutes = [self._hours.pop(number).since or 0 for number in (begin, end)]
                else:
                    first, last = groups[0], groups[3]
                    minutes = [groups[1] * 60 + groups[2], groups[4] * 60 + groups[5]]
                since, until = (
                    self._periods[number].since + timedelta(minutes=at)
                    for number, at in zip((first, last), minutes, strict=True)
                )
                self._merge(found, first, Stretch(since, until, "between two times"))

    def _pairs_of_days(self) -> None:
        pattern = r"(?:between|from) <d(\d+)> (?:and|to|until|till|through|-) <d(\d+)>"
        while found := re.search(pattern, self._question.left):
            first, last = (self._periods[int(number)] for number in found.groups())
            begin, end = first.since, last.until
            while end <= begin and last.weekday is not None:
                end += timedelta(days=7)
            if end > self._calendar.now and first.weekday is not None:  # from Friday to Monday, on a Wednesday
                begin, end = begin - timedelta(days=7), end - timedelta(days=7)
            self._merge(found, int(found[1]), Stretch(begin, end, f"from {first.words} to {last.words}"))

    def _days_of_weeks(self) -> None:
        """Friday last week."""
        for pattern in (r"<d(\d+)> (?:of |in )?<d(\d+)>", r"<d(\d+)> (?:on )?<d(\d+)>"):
            for found in re.finditer(pattern, self._question.left):
                numbers = [int(number) for number in found.groups()]
                for day, week in (numbers, numbers[::-1]):
                    number, whole = self._periods[day].weekday, self._periods[week]
                    if number is not None and whole.until - whole.since > timedelta(days=5):
                        words = f"{self._periods[day].words} {whole.words}"
                        exact = self._calendar.day(whole.since.date() + timedelta(days=number), words, number)
                        self._merge(found, day, exact)
                        return

    def _open_ends(self) -> None:
        """Since Monday at nine, until yesterday, after the 12th."""
        now = self._calendar.now
        while found := re.search(r"\bsince <d(\d+)>(?: (?:at )?<h(\d+)>)?", self._question.left):
            period = self._periods[int(found[1])]
            at = timedelta(minutes=self._hours.pop(int(found[2])).since or 0) if found[2] else timedelta()
            self._merge(found, int(found[1]), Stretch(period.since + at, now, found_words("since", period)))
        while found := re.search(r"\b(?:until|till|up to) <d(\d+)>", self._question.left):
            period = self._periods[int(found[1])]
            self._merge(found, int(found[1]), Stretch(_BEGINNING, period.until, found_words("until", period)))
        while found := re.search(r"\b(before|after) <d(\d+)>(?! <h)", self._question.left):
            period, is_before = self._periods[int(found[2])], found[1] == "before"
            begin, end = (_BEGINNING, period.since) if is_before else (period.until, now)
            self._merge(found, int(found[2]), Stretch(begin, end, found_words(found[1], period)))

    def _merge(self, found: re.Match[str], number: int, period: Stretch) -> None:
        self._periods[number] = period
        left = self._question.left
        self._question.left = f"{left[: found.start()]} <d{number}> {left[found.end() :]}"

    def _range(self, period: Stretch, hours: list[Hours]) -> PlanRange:
        words = " ".join([period.words, *(one.words for one in hours)]).strip()
        begin = None if period.since == _BEGINNING else period.since
        plain = PlanRange(since=begin, until=period.until, weekdays=self._calendar.weekdays, words=words)
        if not hours:
            return plain
        if begin is None or period.until - begin > timedelta(hours=26) or len(hours) > 2:
            return plain.model_copy(update={"hours": _narrowed(hours).times()})
        since, until = begin, period.until
        for one in sorted(hours, key=_length, reverse=True):
            since, until = _within(since, until, one)
        return PlanRange(since=since, until=until, words=words)


_BEGINNING = datetime(1970, 1, 2, tzinfo=ZoneInfo("UTC"))


def found_words(word: str, period: Stretch) -> str:
    """With the word before it, once."""
    return period.words if period.words.startswith(word) else f"{word} {period.words}"


def _length(hours: Hours) -> int:
    return ((hours.until or 1440) - (hours.since or 0)) % 1440 or 1440


def _narrowed(hours: list[Hours]) -> Hours:
    """Of a part of the day and a time in it, the time."""
    return min(hours, key=_length)


def _within(since: datetime, until: datetime, hours: Hours) -> tuple[datetime, datetime]:
    """The hours in that time: where they may mean the morning or the afternoon, whichever lies in it."""
    midnight = since.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    for later_min in (0, 1440, 720, 2160) if hours.open else (0, 1440):
        begin, end = hours.since, hours.until
        first = since if begin is None else _at(midnight, begin + later_min)
        last = until if end is None else _at(midnight, end + later_min)
        if begin is not None and end is not None and end <= begin:
            last = _at(midnight, end + later_min + 1440)
        if first >= since and first < until and first < last and (last <= until or begin is not None):
            return first, last
    return since, until


def _at(midnight: datetime, minutes: int) -> datetime:
    """On the clock of the wall, also on days that are 23 or 25 hours long."""
    day = midnight + timedelta(days=minutes // 1440)
    return day.replace(hour=minutes % 1440 // 60, minute=minutes % 60)
