"""Times of day in words: at nine, between 9 and 10 pm, until noon, in the evening. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time

from monitoring.ask.language.dates import PARTS
from monitoring.ask.language.words import NUMBERS, Question

_WORDS = "|".join(word for word, number in NUMBERS.items() if 1 <= number <= 12 and len(word) > 2)
_SUFFIX = r"(?: ?(am|pm|a\.m|p\.m|o clock|oclock|h|hrs|hours))?"
_BARE = rf"(?:\d{{1,2}}(?:[:.]\d{{2}}|h\d{{2}})?|{_WORDS})"
_CLOCK = rf"(?:({_BARE}){_SUFFIX}|(noon|midday|midnight))"
_SURE = r"(?:(\d{1,2}(?::\d{2}))" + _SUFFIX + r"|(\d{1,2}) ?(am|pm|o clock|oclock)|(noon|midday|midnight))"


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day in minutes. exact: to the minute; open: whether it may as well mean the afternoon's."""

    minutes: int
    exact: bool
    open: bool


@dataclass(frozen=True, slots=True)
class Hours:
    """From one time of day to another; past midnight where `until` is not later. None: from or to the day's end."""

    since: int | None
    until: int | None
    words: str
    open: bool = False

    def times(self) -> tuple[time, time]:
        """As a plan has them."""
        return _time(self.since or 0), _time(self.until or 0)


class ClockReader:
    """Finds times of day; a mark <h0>, <h1>, … stands for each."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self.found: list[Hours] = []
        self.impossible = ""

    def read(self) -> None:
        """All of them: ranges, then open ends, then moments, then parts of the day."""
        self._ranges()
        self._open_ends()
        self._moments()
        self._parts()

    def _ranges(self) -> None:
        link, no_unit = r"(?:and|to|until|till|-)", r"(?! ?(?:minutes|hours|days|people|times|tracks)\b)"
        for pattern, first in (
            (rf"(?:between|from) {_CLOCK} ?{link} ?{_CLOCK}{no_unit}", 3),
            (rf"{_SURE} ?(?:to|until|till|-) ?{_CLOCK}{no_unit}", 5),
            (rf"{_CLOCK} ?(?:to|until|till|-) ?{_SURE}", 3),
        ):
            while found := self._question.take(pattern, f"<h{len(self.found)}>"):
                begin, end = _clock(found.groups()[:first]), _clock(found.groups()[first:])
                if begin is None or end is None:
                    self._bad(found[0])
                    continue
                self.found.append(_between(begin, end, found[0].strip()))

    def _open_ends(self) -> None:
        for word, is_begin in (("(?:since|after)", True), ("(?:until|before|till)", False)):
            pattern = rf"{word} {_CLOCK}(?! ?(?:minute|hour|day|week|month|people|track|alert|time)s?\b)"
            while found := self._question.take(pattern, f"<h{len(self.found)}>"):
                clock = _clock(found.groups())
                if clock is None:
                    self._bad(found[0])
                    continue
                since, until = (clock.minutes, None) if is_begin else (None, clock.minutes)
                self.found.append(Hours(since, until, found[0].strip(), clock.open))

    def _moments(self) -> None:
        for pattern, around in (
            (rf"(?:around|about|at about|at around) {_CLOCK}", 30),
            (rf"at {_CLOCK}", 0),
            (_SURE, 0),
        ):
            while found := self._question.take(pattern, f"<h{len(self.found)}>"):
                clock = _clock(found.groups())
                if clock is None:
                    self._bad(found[0])
                    continue
                begin, end = (
                    (clock.minutes - around, clock.minutes + around) if around else (clock.minutes, _end(clock))
                )
                self.found.append(Hours(begin % 1440, end % 1440, found[0].strip(), clock.open))

    def _parts(self) -> None:
        for name, (since, until) in PARTS.items():
            while found := self._question.take(rf"(?:in the |at |during the |the )?{name}s?", f"<h{len(self.found)}>"):
                self.found.append(Hours(since * 60, until * 60, found[0].strip()))

    def _bad(self, words: str) -> None:
        self.impossible = words.strip()
        self.found.append(Hours(None, None, words))


def _clock(groups: tuple[str | None, ...]) -> Clock | None:
    """Of what _CLOCK or _SURE matched; None for a time that there is not."""
    given = [one for one in groups if one]
    if given[0] in ("noon", "midday", "midnight"):
        return Clock(0 if given[0] == "midnight" else 720, exact=False, open=False)
    suffix = given[1] if len(given) > 1 else ""
    text = given[0]
    hour, minute = (NUMBERS[text], 0) if text in NUMBERS else _digits(text)
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        return None
    half = suffix[:1] if suffix[:1] in ("a", "p") else ""
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    written = bool(re.search(r"[:.h]", text))
    return Clock(hour % 24 * 60 + minute, written, not half and not (written and len(text) == 5) and 1 <= hour < 12)


def _digits(text: str) -> tuple[int, int]:
    parts = [int(part) for part in re.split(r"[:.h]", text)]
    return parts[0], parts[1] if len(parts) > 1 else 0


def _between(begin: Clock, end: Clock, words: str) -> Hours:
    since, until = begin.minutes, end.minutes
    if begin.open and not end.open and until > 720 and since + 720 < until:
        since += 720  # between 9 and 10 pm
    elif end.open and until <= since and until + 720 > since:
        until += 720  # from 11 to 1
    return Hours(since, until, words, begin.open and end.open)


def _end(clock: Clock) -> int:
    return clock.minutes + (1 if clock.exact and clock.minutes % 60 else 60)


def _time(minutes: int) -> time:
    return time(minutes // 60 % 24, minutes % 60)
