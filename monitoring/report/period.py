"""The period of a report, as people write it: an age or a date. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Column, ColumnElement

from monitoring.core.errors import BadQuery

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_AGE = re.compile(r"(\d{1,5})([mhdw])")
_MAX_AGE = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` to `until`, both aware, `until` excluded."""

    since: datetime
    until: datetime

    @property
    def bounds_ns(self) -> tuple[int, int]:
        """Wall clocks in nanoseconds, as those of events."""
        return _ns(self.since), _ns(self.until)

    @property
    def length(self) -> timedelta:
        """From `since` to `until`."""
        return self.until - self.since

    def conditions(self, column: Column[int]) -> tuple[ColumnElement[bool], ...]:
        """For rows whose `column`, a wall clock in nanoseconds, is in the period."""
        since_ns, until_ns = self.bounds_ns
        return column >= since_ns, column < until_ns


def period_of(since: str, until: datetime) -> Period:
    """`7d`, `24h`, `90m`, `2w`, or a date or time (UTC unless it has an offset). Raises BadQuery."""
    text = since.strip()
    if found := _AGE.fullmatch(text):
        age = int(found[1]) * _UNITS[found[2]]
        if not timedelta() < age <= _MAX_AGE:
            raise BadQuery(f"since: {text} must be between one minute and ten years")
        return Period(until - age, until)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadQuery(f"since: {text!r} is neither an age, such as 7d or 24h, nor a date") from error
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if not until - _MAX_AGE <= moment < until:
        raise BadQuery(f"since: {text} must be within the last ten years")
    return Period(moment, until)


def _ns(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
