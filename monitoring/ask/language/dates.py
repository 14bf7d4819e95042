"""Days, weeks, months and times of day in words, as of some moment. Pure.

Everything lies in the past: on a Wednesday, "on Friday" is last week's. A day begins at midnight of the time zone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from monitoring.ask.language.words import NUMBER, Question, number_of

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = {"mon": 0, "tue": 1, "tues": 1, "wed": 2, "thu": 3, "thur": 3, "thurs": 3, "fri": 4, "sat": 5, "sun": 6}
_MONTHS = (
    "january february march april may june july august september october november december".split()
)  # fmt: skip
_SHORT_MONTHS = {name[:3]: number for number, name in enumerate(_MONTHS, 1)} | {"sept": 9}
DAY_NAMES = (*_DAYS, *(f"{name}s" for name in _DAYS))
MONTH_NAMES = tuple(_MONTHS)
PARTS = {"morning": (6, 12), "afternoon": (12, 18), "evening": (18, 22), "night": (22, 6)}
"""From which hour to which."""

_WEEKDAY = rf"(?:{'|'.join(_DAYS)}|{'|'.join(name for name in _SHORT if name not in ('sat', 'sun'))})"
_MONTH = rf"(?:{'|'.join(_MONTHS)}|{'|'.join(name for name in _SHORT_MONTHS if name != 'may')})"
_TH = r"(?:st|nd|rd|th)?"
_ISO = r"(\d{4})-(\d{1,2})-(\d{1,2})"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some time as a calendar has it. weekday: of a day that was named so; whole: whether it is one day."""

    since: datetime
    until: datetime
    words: str
    weekday: int | None = None
    whole: bool = False


class Calendar:
    """Finds dates in a question, puts a mark <d0>, <d1>, … in place of each, and keeps what they stand for."""

    def __init__(self, question: Question, now: datetime, zone: ZoneInfo) -> None:
        self._question = question
        self.now = now.astimezone(zone)
        self.zone = zone
        self.periods: list[Stretch] = []
        self.weekdays: list[int] = []
        self.future = False
        self.impossible = ""

    def read(self) -> None:
        """All dates."""
        for step in (self._future, self._rolling, self._numbered, self._named_days, self._weeks, self._months):
            step()

    def midnight(self, day: date) -> datetime:
        """When a day begins."""
        return datetime.combine(day, time(), self.zone)

    def day(self, day: date, words: str, weekday: int | None = None) -> Stretch:
        """A whole day."""
        return Stretch(self.midnight(day), self.midnight(day + timedelta(days=1)), words, weekday, whole=True)

    def _add(self, pattern: str, make: Callable[..., Stretch | None]) -> None:
        """Replaces all that match; `make` gets the groups, and returns None for what there is not."""
        while found := self._question.take(pattern, f"<d{len(self.periods)}>"):
            try:
                period = make(found[0].strip(), *found.groups())
            except (ValueError, OverflowError):
                period = None
            if period is None:
                self.impossible = found[0].strip()
                period = self.day(self.now.date(), found[0])
            self.periods.append(period)

    def _future(self) -> None:
        ahead = (
            rf"(?:tomorrow|(?:the )?day after tomorrow|next (?:week|month|year|weekend|{_WEEKDAY}|hour)|later today)"
        )
        self.future = self._question.takes(ahead) or self._question.has(r"(?:will|shall|going to)")

    def _rolling(self) -> None:
        units = {"minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400, "month": 30 * 86400}
        unit = r"(minute|hour|day|week|month)s?"

        def back(words: str, count: str | None, name: str) -> Stretch:
            seconds = units[name] * (number_of(count) if count else 1)
            return Stretch(self.now - timedelta(seconds=seconds), self.now, words)

        self._add(rf"(?:(?:in|over|during|within|for) )?(?:the )?(?:last|past|previous) ({NUMBER}) {unit}", back)
        self._add(r"(?:(?:in|over|during|within|for) )?(?:the )?past ()(minute|hour|day|week|month)", back)
        self._add(r"(?:(?:in|over|during|within) )?(?:the )?last ()(minute|hour)", back)
        self._add(r"(?:in|over|during|within) the last ()(day|week|month)", back)
        self._add(
            r"(?:(?:in|over|during|within) )?(?:the )?(?:last|past) half (?:an )?hour",
            lambda words: Stretch(self.now - timedelta(minutes=30), self.now, words),
        )
        self._add(
            rf"({NUMBER}|a) (day|week)s? ago",
            lambda words, count, name: self.day(
                self.now.date() - timedelta(days=number_of(count) * (7 if name == "week" else 1)), words
            ),
        )

    def _numbered(self) -> None:
        def exact(words: str, year: str, month: str, number: str) -> Stretch:
            return self.day(date(int(year), int(month), int(number)), words)

        def several(words: str, first: str, last: str, month: str, year: str | None) -> Stretch:
            end = self._past(int(last), _month_number(month), year)
            begin = date(end.year, end.month, int(first))
            return Stretch(self.midnight(begin), self.midnight(end + timedelta(days=1)), words)

        def one(words: str, number: str, month: str, year: str | None) -> Stretch:
            return self.day(self._past(int(number), _month_number(month), year), words)

        year = r"(?: ,? ?(\d{4}))?"
        self._add(rf"(?:on )?{_ISO}", exact)
        span = rf"(\d{{1,2}}){_TH} (?:to|and|until|till|-|through) (?:the )?(\d{{1,2}}){_TH}"
        self._add(rf"(?:(?:from|between) )?(?:the )?{span} (?:of )?({_MONTH}){year}", several)
        self._add(rf"(?:on )?(?:the )?(\d{{1,2}}){_TH} (?:of )?({_MONTH}){year}", one)
        self._add(
            rf"(?:on )?({_MONTH}) (?:the )?(\d{{1,2}}){_TH}(?!:){year}",
            lambda words, month, number, at: one(words, number, month, at),
        )
        self._add(
            r"(?:on )?the (\d{1,2})(?:st|nd|rd|th)",
            lambda words, number: self.day(self._past_day(int(number)), words),
        )

    def _named_days(self) -> None:
        today = self.now.date()
        for words, back in (("(?:the )?day before yesterday", 2), ("yesterday", 1), ("today", 0)):
            self._add(words, lambda said, back=back: self.day(today - timedelta(days=back), said))
        for pattern, days in ((r"(?:on )?weekdays", range(5)), (r"(?:on |at )?(?:the )?weekends", (5, 6))):
            if self._question.takes(pattern):
                self.weekdays += days
        for number, name in enumerate(_DAYS):
            if self._question.takes(rf"(?:on )?(?:{name}s|every {name}|each {name})"):
                self.weekdays.append(number)

        def named(words: str, which: str | None, name: str) -> Stretch | None:
            number = _SHORT.get(name, _DAYS.index(name) if name in _DAYS else -1)
            back = (self.now.weekday() - number) % 7
            if which and which.strip() == "this":
                if number > self.now.weekday():
                    self.future = True
                return self.day(today - timedelta(days=self.now.weekday() - number), words, number)
            return self.day(today - timedelta(days=back or 7), words, number)

        self._add(rf"(?:on )?(?:the )?(last |this past |past |this )?({_WEEKDAY})", named)
        self._add(r"(?:on )(last )?(sat|sun)", named)

    def _weeks(self) -> None:
        monday = self.now.date() - timedelta(days=self.now.weekday())

        def week(words: str, back: int) -> Stretch:
            begin = monday - timedelta(days=7 * back)
            return Stretch(self.midnight(begin), self.midnight(begin + timedelta(days=7)), words)

        def weekend(words: str, which: str | None) -> Stretch:
            is_weekend = self.now.weekday() >= 5
            if which == "this" and not is_weekend:
                self.future = True
            begin = monday + timedelta(days=5 if is_weekend and which != "last" else -2)
            return Stretch(self.midnight(begin), self.midnight(begin + timedelta(days=2)), words)

        self._add(r"(?:the )?week before last(?: week)?", lambda words: week(words, 2))
        self._add(r"(?:during |in )?(?:the )?last week", lambda words: week(words, 1))
        self._add(r"(?:during |in )?(?:this|the current) week", lambda words: week(words, 0))
        self._add(r"(?:on |at |over |during )?(?:(this|last|the) )?weekend", weekend)

    def _months(self) -> None:
        def month(words: str, year: int, number: int) -> Stretch:
            begin, end = date(year, number, 1), date(year + number // 12, number % 12 + 1, 1)
            return Stretch(self.midnight(begin), self.midnight(end), words)

        def named(words: str, name: str, at: str | None) -> Stretch:
            number = _month_number(name)
            return month(words, int(at) if at else self.now.year - (number > self.now.month), number)

        def year(words: str, at: int) -> Stretch:
            return Stretch(self.midnight(date(at, 1, 1)), self.midnight(date(at + 1, 1, 1)), words)

        now = self.now
        before = (now.year, now.month - 1) if now.month > 1 else (now.year - 1, 12)
        self._add(r"(?:during |in )?(?:this|the current) month", lambda words: month(words, now.year, now.month))
        self._add(r"(?:during |in )?(?:the )?last month", lambda words: month(words, *before))
        self._add(rf"(?:in |during |of |last |this )({_MONTH})(?: (\d{{4}}))?", named)
        self._add(rf"({'|'.join(name for name in _MONTHS if name not in ('may', 'march'))})(?: (\d{{4}}))?", named)
        self._add(r"(?:during |in )?this year", lambda words: year(words, now.year))
        self._add(r"(?:during |in )?last year", lambda words: year(words, now.year - 1))
        self._add(r"(?:in|during|of|since) (?:the year )?((?:19|20)\d\d)", lambda words, at: year(words, int(at)))

    def _past(self, number: int, month: int, year: str | None) -> date:
        """The newest such day that is not in the future, unless the year is said."""
        if year:
            return date(int(year), month, number)
        found = date(self.now.year, month, number)
        return found if found <= self.now.date() else date(self.now.year - 1, month, number)

    def _past_day(self, number: int) -> date:
        """The newest day of that number in its month."""
        return next(day for day in _backwards(self.now.date()) if day.day == number)


def _month_number(name: str) -> int:
    return _SHORT_MONTHS[name] if name in _SHORT_MONTHS else _MONTHS.index(name) + 1


def _backwards(day: date) -> Iterator[date]:
    for back in range(62):
        yield day - timedelta(days=back)
