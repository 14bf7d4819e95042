"""Sentences about what was found: what was counted, of what time, by which clock. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from monitoring.ask.coverage import Gap
from monitoring.ask.installation import Installation
from monitoring.ask.language.words import joined
from monitoring.ask.phrases import (
    at_words,
    counted_words,
    happened_words,
    length_words,
    local,
    number,
    only_words,
    place_words,
    range_words,
    said_words,
)
from monitoring.ask.plan import AskPlan
from monitoring.ask.run import Findings, Row
from workers.label_words import at_start

_MOST_NAMED = 8


@dataclass(frozen=True)
class Told:
    """What a sentence needs to know besides the findings. since, until: the ends of the range."""

    plan: AskPlan
    installation: Installation
    name_of: Callable[[str], str]
    zone: ZoneInfo
    now: datetime
    since: datetime
    until: datetime

    @property
    def when(self) -> str:
        """The time that was asked for: ` yesterday (Tue 24 Nov 2026, Europe/Berlin)`."""
        if self.plan.counted == "now":
            return f" ({self.now.astimezone(self.zone):%H:%M}, {self.zone.key})"
        said = "" if self.plan.range.words == "at all times" else said_words(self.plan.range.words)
        exact = range_words(self.since, self.until, self.zone) + only_words(self.plan.range)
        return f" {said} ({exact})" if said else f" ({exact})"

    def at(self, at_ns: int) -> str:
        """A moment."""
        return at_words(local(at_ns, self.zone), self.now.astimezone(self.zone))

    def what(self, count: float) -> str:
        """What was counted, where it was and what it did."""
        plan = self.plan
        return (
            counted_words(plan, self.installation, self.name_of, count)
            + happened_words(plan, count)
            + place_words(plan)
        )

    def things(self, count: float = 0) -> str:
        """What was counted and where; a number of it, if one is given."""
        text = counted_words(self.plan, self.installation, self.name_of, count)
        zones = (
            f" in zone {joined(self.plan.zone)}"
            if self.plan.subject in ("entries", "leavings") and self.plan.zone
            else ""
        )
        return (text if count else text.removeprefix("no ")) + zones + place_words(self.plan)

    def group(self, value: str | None) -> str:
        """A value of what is told apart by, as it is called."""
        if value is None:
            return "without"
        if self.plan.by == "person" or self.plan.intent == "who":
            return self.name_of(value)
        if self.plan.by == "hour":
            begin = datetime.fromisoformat(value)
            return f"{begin:%a} {begin.day} {begin:%b}, {begin:%H:%M}–{begin + timedelta(hours=1):%H:%M}"
        if self.plan.by == "day":
            day = datetime.fromisoformat(value)
            return f"{day:%a} {day.day} {day:%b} {day.year}"
        return value


def answer(found: Findings, told: Told) -> str:
    """One or two sentences."""
    tell = _TELLERS.get(told.plan.intent, _count)
    if told.plan.by is not None and told.plan.intent in ("count", "how_often", "list"):
        tell = _table
    text = f"{tell(found, told)}{_note(told.plan)}"
    names = (*(person.name for person in told.installation.people), *told.installation.cameras)
    return text if text.startswith(names) else at_start(text)  # a name has the capitals that it has


def _count(found: Findings, told: Told) -> str:
    return f"{told.what(found.value or 0)}{told.when}."


def _exists(found: Findings, told: Told) -> str:
    if len(told.plan.person) > 1:
        each = joined(f"{told.name_of(row.name or '')} {int(row.value or 0)}" for row in found.rows)
        return f"{'yes' if found.yes else 'no'}: of {told.things()}{told.when} there were: {each}."
    if not found.yes:
        return f"no: {told.what(0)}{told.when}."
    latest = f" The last was {told.at(found.at_ns)}." if found.at_ns is not None else ""
    return f"yes: {told.what(found.value or 0)}{told.when}.{latest}"


def _table(found: Findings, told: Told) -> str:
    rows = [f"{told.group(row.name)} {int(row.value or 0)}" for row in found.rows]
    shown = ", ".join(rows[:_MOST_NAMED]) + (f" and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else "")
    return f"{told.what(found.value or 0)}{told.when}{': ' + shown if shown else ''}."


def _end(found: Findings, told: Told) -> str:
    plan = told.plan
    if found.at_ns is None and not found.items:
        return f"{told.what(0)}{told.when}."
    item = found.items[0]
    which = "the first" if plan.intent == "first" else "the last"
    who = f"; it was {told.name_of(item.person) if item.person else 'nobody who is known'}" if plan.whose else ""
    if plan.counted == "left" and found.at_ns is None:
        return f"still in view at {item.camera}, since {told.at(item.at_ns)}{told.when}."
    where = f" at {item.camera}" if not plan.camera or len(plan.camera) > 1 else ""
    until = (
        f", until {told.at(item.until_ns)}"
        if item.until_ns and plan.subject == "tracks" and plan.counted == "seen"
        else ""
    )
    exact = at_words(local(found.at_ns or item.at_ns, told.zone), told.now.astimezone(told.zone), seconds=True)
    return f"{which} of the {told.things()}{told.when}: {exact}{where}{until}{who}."


def _who(found: Findings, told: Told) -> str:
    total, rows = int(found.value or 0), found.rows
    named = joined(
        f"{told.name_of(row.name)} ({number(row.value or 0, 'track', 'tracks')})" for row in rows[:20] if row.name
    )
    count = sum(int(row.value or 0) for row in rows)
    rest = max(0, total - count)
    unnamed = (
        f" {at_start(number(rest, 'track', 'tracks'))} of {total} {'has' if rest == 1 else 'have'} no name."
        if rest
        else ""
    )
    if not named:
        return f"nobody who is known: {told.what(total)}{told.when}.{unnamed if total else ''}"
    return f"{named}{place_words(told.plan)}{told.when}.{unnamed}"


def _where(found: Findings, told: Told) -> str:
    if not found.rows:
        return f"nowhere: {told.what(0)}{told.when}."
    places = joined(
        f"{row.name}" + (f" (last {told.at(at_ns)})" if (at_ns := row.until_ns or row.at_ns) else "")
        for row in found.rows[:_MOST_NAMED]
    )
    return f"{places}: {told.what(found.value or 0)}{told.when}."


def _how_long(found: Findings, told: Told) -> str:
    lengths, plan = found.lengths, told.plan
    assert lengths is not None
    if found.value is None:
        return f"not known: {told.what(0)}{told.when}."
    measure = {"total": "in total", "average": "on average", "longest": "at the longest"}[plan.measure]
    kind = "outages" if plan.subject == "outages" else "visits" if plan.subject == "leavings" else "tracks"
    one = kind[:-1]
    many = f"{number(lengths.count, one, kind)}, {length_words(lengths.total_s)} in total"
    extra = f"; {lengths.going_on} still in view not counted" if lengths.going_on else ""
    return f"{length_words(found.value)} {measure} ({many}{extra}): {told.what(lengths.count)}{told.when}."


def _compare(found: Findings, told: Told) -> str:
    first, second = found.rows[0], found.rows[1]
    name = told.name_of if told.plan.by == "person" else str
    sides = joined(f"{name(row.name or '')}: {int(row.value or 0)}" for row in found.rows)
    if len(found.rows) > 2:
        return f"{sides}{told.when}."
    less = int((first.value or 0) - (second.value or 0))
    verdict = "as many" if less == 0 else f"{abs(less)} {'more' if less > 0 else 'fewer'}"
    when = told.when if told.plan.by is not None else ""
    return f"{sides}; that is {verdict}. Counted: {told.things()}{when}."


def _more(rows: Sequence[Row]) -> list[str]:
    return [f"{len(rows) - _MOST_NAMED} more"] if len(rows) > _MOST_NAMED else []


def _busiest(found: Findings, told: Told) -> str:
    if not found.rows:
        return f"{told.what(0)}{told.when}."
    best = [row for row in found.rows if row.value == found.rows[0].value]
    names = joined([told.group(row.name) for row in best[:_MOST_NAMED]] + _more(best))
    which = "the fewest" if told.plan.least else "the most"
    each = " each" if len(best) > 1 else ""
    return f"{which}: {names}, with {int(best[0].value or 0)}{each} of the {told.things(found.value or 0)}{told.when}."


def _when(found: Findings, told: Told) -> str:
    if not found.rows:
        return f"{told.what(0)}{told.when}."
    times = joined(_one_time(row, told) for row in found.rows[:_MOST_NAMED])
    rest = int(found.value or 0) - min(len(found.rows), _MOST_NAMED)
    more = f" and {rest} more" if rest > 0 else ""
    return f"{times}{more}: {told.what(found.value or 0)}{told.when}."


def _one_time(row: Row, told: Told) -> str:
    assert row.at_ns is not None
    end = f" until {told.at(row.until_ns)}" if row.until_ns else ""
    where = f" ({row.name})" if len(told.plan.camera) != 1 and row.name else ""
    return f"{told.at(row.at_ns)}{end}{where}"


def _note(plan: AskPlan) -> str:
    """What must not be taken for something else."""
    unnamed = not plan.person and not plan.group and plan.subject in ("tracks", "entries", "leavings")
    if plan.intent in ("count", "how_often", "compare", "busiest") and unnamed:
        return " Tracks are counted, not people: who leaves and comes back counts again."
    return ""


_TELLERS: dict[str, Callable[[Findings, Told], str]] = {
    "exists": _exists,
    "first": _end,
    "last": _end,
    "who": _who,
    "where": _where,
    "how_long": _how_long,
    "compare": _compare,
    "busiest": _busiest,
    "when": _when,
}


def _from_until(since_ns: int, until_ns: int | None, told: Told) -> str:
    """`from yesterday at 14:02 until 14:31`; of less than a minute how long it was."""
    since, until = told.at(since_ns), "now" if until_ns is None else told.at(until_ns)
    if until_ns is not None and since == until:
        return f"for {length_words((until_ns - since_ns) / 1e9)} {since}"
    day, _, clock = until.rpartition(" at ")
    return f"from {since} until {clock if day and since.startswith(f'{day} at ') else until}"


def coverage_words(gaps: Sequence[Gap], told: Told, first: datetime | None) -> list[str]:
    """When cameras were away, those together that were away together; and from when on anything is stored."""
    together: dict[tuple[str, int, int | None], list[str]] = {}
    for gap in gaps:
        together.setdefault((gap.why, gap.since_ns, gap.until_ns), []).append(gap.camera)
    found = []
    for (why, since, until), cameras in together.items():
        were = "was" if len(cameras) == 1 else "were"
        found.append(f"{joined(cameras[:_MOST_NAMED])} {were} {why} {_from_until(since, until, told)}.")
    if len(found) > _MOST_NAMED:
        found[_MOST_NAMED:] = [f"{len(found) - _MOST_NAMED} more times cameras were away."]
    if first is not None:
        moment = first.astimezone(told.zone)
        found.insert(0, f"Nothing is stored from before {at_words(moment, told.now.astimezone(told.zone))}.")
    return found
