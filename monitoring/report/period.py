"""How long back a report goes, as people write it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitoring.core.errors import BadQuery

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_AGE = re.compile(r"(\d{1,5})([mhdw])")
_LONGEST = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` to `until`, both aware, `until` excluded."""

    since: datetime
    until: datetime

    @property
    def bounds_ns(self) -> tuple[int, int]:
        """As events are timed."""
        return _ns(self.since), _ns(self.until)

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.until - self.since


def period_of(since: str, until: datetime) -> Period:
    """`7d`, `24h`, `90m`, `2w`, or a date or time (UTC unless it says otherwise). Raises BadQuery."""
    text = since.strip()
    if found := _AGE.fullmatch(text):
        age = int(found[1]) * _UNITS[found[2]]
        if not timedelta() < age <= _LONGEST:
            raise BadQuery(f"since: {text} is not between a minute and ten years")
        return Period(until - age, until)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadQuery(f"since: {text or 'nothing'} is neither an age, such as 7d or 24h, nor a date") from error
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if not until - _LONGEST <= moment < until:
        raise BadQuery(f"since: {text} is not within the last ten years")
    return Period(moment, until)


def _ns(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
