"""Pieces of answers: times, lengths, what was counted, as people say it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from monitoring.ask.installation import Installation
from monitoring.ask.language.dates import DAY_NAMES, MONTH_NAMES
from monitoring.ask.language.words import joined
from monitoring.ask.plan import AskPlan, PlanRange
from workers.label_words import LabelWords, spoken

_NOUNS = {
    "tracks": ("track", "tracks"),
    "entries": ("track", "tracks"),
    "leavings": ("track", "tracks"),
    "crossings": ("crossing", "crossings"),
    "alerts": ("alert", "alerts"),
    "outages": ("outage", "outages"),
    "events": ("event", "events"),
}


def local(at_ns: int, zone: ZoneInfo) -> datetime:
    """A stored time on the clock of whoever asks."""
    return datetime.fromtimestamp(at_ns // 10**9, zone).replace(microsecond=at_ns % 10**9 // 1000)


def at_words(moment: datetime, now: datetime, *, seconds: bool = False) -> str:
    """`today at 09:14`, `Fri 20 Nov at 09:14`, with the year where it is another."""
    clock = f"{moment:%H:%M:%S}" if seconds else f"{moment:%H:%M}"
    return f"{day_words(moment, now)} at {clock}"


def day_words(moment: datetime, now: datetime) -> str:
    """`today`, `yesterday`, `Fri 20 Nov`."""
    back = (now.date() - moment.date()).days
    if back in (0, 1):
        return ("today", "yesterday")[back]
    return f"{moment:%a} {moment.day} {moment:%b}" + (f" {moment.year}" if moment.year != now.year else "")


def range_words(since: datetime, until: datetime, zone: ZoneInfo) -> str:
    """Both ends, and the time zone: `Tue 24 Nov 2026, 09:00–10:00, Europe/Berlin`."""
    since, until = since.astimezone(zone), until.astimezone(zone)
    first = f"{since:%a} {since.day} {since:%b} {since.year}"
    midnight = until.hour == until.minute == 0
    last_day = until - timedelta(days=1) if midnight else until
    if last_day.date() == since.date():
        whole = midnight and since.hour == since.minute == 0
        end = "24:00" if midnight else f"{until:%H:%M}"
        return f"{first}, {zone.key}" if whole else f"{first}, {since:%H:%M}–{end}, {zone.key}"
    end = f"{last_day:%a} {last_day.day} {last_day:%b} {last_day.year}, {'24:00' if midnight else f'{until:%H:%M}'}"
    return f"{first}, {since:%H:%M} – {end}, {zone.key}"


def said_words(said: str) -> str:
    """How a question said its time, with the capitals of days and months."""
    text = re.sub(rf"\b({'|'.join((*DAY_NAMES, *MONTH_NAMES))})\b", lambda found: found[0].capitalize(), said)
    return text.replace("today morning", "this morning").replace("today afternoon", "this afternoon")


def only_words(of: PlanRange) -> str:
    """Which hours and days of a range count."""
    found = ""
    if of.hours is not None:
        found += f", between {of.hours[0]:%H:%M} and {of.hours[1]:%H:%M}"
    if of.weekdays:
        names = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
        found += f", on {joined(names[day] for day in sorted(set(of.weekdays)))}"
    return found


def length_words(seconds: float) -> str:
    """`42 s`, `3 min 5 s`, `2 h 10 min`, `1 day 5 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if whole < 10 and seconds != whole else f"{whole} s"
    for unit, name, below, small in ((86400, "day", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            count, rest = divmod(whole, unit)
            named = f"{count} {name}{'s' if name == 'day' and count > 1 else ''}"
            return f"{named} {rest // below} {small}" if rest // below else named
    raise AssertionError


def number(count: float, one: str, many: str) -> str:
    """`1 track`, `3 tracks`, `no tracks`."""
    whole = int(count)
    return f"{whole or 'no'} {one if whole == 1 else many}"


def counted_words(plan: AskPlan, installation: Installation, name_of: Callable[[str], str], count: float) -> str:
    """So many of what was counted, of what, and where: `4 tracks of people without masks at entrance`."""
    one, many = _NOUNS[plan.subject]
    text = number(count, one, many)
    people = [name_of(person) for person in plan.person]
    people += [f"group {group}" for group in plan.group]
    if people:
        text += f" of {_any(people)}"
    elif plan.named is False:
        text += " of nobody who is known"
    if plan.label:
        labels = plan.means or _any([_many(label, installation.label_words(label)) for label in plan.label])
        text += f" of {labels}" if not people else f" ({labels})"
    for values, before in ((plan.rule, "of rule"), (plan.severity, "of severity"), (plan.kind, "of kind")):
        if values:
            text += f" {before} {_any([str(value).replace('_', ' ') for value in values])}"
    return text + _lasting(plan)


def place_words(plan: AskPlan) -> str:
    """Where: ` in zone till 1 at shop-floor`."""
    found = ""
    if plan.zone and plan.subject not in ("entries", "leavings"):
        found += f" in zone {_any(plan.zone)}"
    if plan.camera:
        found += f" at {_any(plan.camera)}"
    return found


def happened_words(plan: AskPlan, count: float) -> str:
    """The verb: ` were in view`, ` entered zone till 1`."""
    were = "was" if int(count) == 1 else "were"
    through = f" of line {_any(plan.line)}" if plan.line else ""
    way = f", {'inwards' if plan.direction == 'in' else 'outwards'}" if plan.direction else ""
    zones = f"zone {_any(plan.zone)}" if plan.zone else "a zone"
    return {
        "tracks": {
            "seen": f" {were} in view",
            "came": " came into view",
            "left": " left the view",
            "now": f" {'is' if were == 'was' else 'are'} in view now",
        }[plan.counted],
        "entries": f" entered {zones}",
        "leavings": f" left {zones}",
        "crossings": f"{through}{way} {were} seen",
        "alerts": f" {were} raised",
        "outages": f" {were} noticed",
        "events": f" {were} stored",
    }[plan.subject]


def _lasting(plan: AskPlan) -> str:
    found = ""
    what = "stayed" if plan.subject == "leavings" else "lasted"
    if plan.min_duration_s is not None:
        found += f" that {what} {length_words(plan.min_duration_s)} or longer"
    if plan.max_duration_s is not None:
        found += f" that {what} less than {length_words(plan.max_duration_s)}"
    if plan.min_confidence is not None:
        found += f" with a confidence of {plan.min_confidence:.0%} or more"
    return found


def _many(label: str, words: LabelWords | None) -> str:
    return words.many if words is not None else f"label {spoken(label)}"


def _any(values: Sequence[str]) -> str:
    text = joined(values)
    return text.replace(" and ", " or ") if len(values) > 1 else text
