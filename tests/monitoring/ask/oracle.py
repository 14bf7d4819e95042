"""What is true of the month, reckoned from what was written down and not from any store. Pure.

`want` is what a person took a question to mean: an `op`, filters, and `from` and `to` in Berlin's time. Labels `PEOPLE`
are all that mean people. `how`: `came`, where the beginning counts; `seen`, where being in view does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.monitoring.ask.world import (
    LINES,
    NOW,
    OUTAGES,
    PEOPLE,
    PEOPLE_LABELS,
    RULES,
    TZ,
    Passing,
    local,
    month,
)

Want = Mapping[str, Any]


@dataclass(frozen=True)
class Fact:
    """Something that counts: when (until when, of what lasts), where, and whose track it is of."""

    at: datetime
    camera: str
    track: Passing | None = None
    until: datetime | None = None
    seconds: float | None = None


def moment(text: str) -> datetime:
    """Of a `from` or `to`."""
    return NOW if text == "now" else local(text)


def facts(want: Want) -> list[Fact]:
    """All that the question is about, in the order of time."""
    if "spans" in want:
        rest = {key: value for key, value in want.items() if key != "spans"}
        return [fact for since, until in want["spans"] for fact in facts({**rest, "from": since, "to": until})]
    since, until = moment(want["from"]), moment(want["to"])
    usual = "leavings" if want["op"] == "how_long" and "zone" in want else "tracks"
    found = sorted(_KINDS[want.get("of", usual)](want, since, until), key=lambda fact: fact.at)
    return [fact for fact in found if _suits(fact, want)]


def _tracks(want: Want, since: datetime, until: datetime) -> list[Fact]:
    found = []
    for one in month():
        seen = one.came < until and (one.ended is None or one.ended >= since)
        if since <= one.came < until if want.get("how") == "came" else seen:
            lasted_s = ((one.ended or NOW) - one.came).total_seconds()
            if _labelled(want, one.labels):
                found.append(Fact(one.came, one.camera, one, one.ended, lasted_s))
    return found


def _now(want: Want, since: datetime, until: datetime) -> list[Fact]:
    here = [one for one in month() if one.ended is None and _labelled(want, one.labels)]
    zones = want.get("zone")
    return [Fact(one.came, one.camera, one) for one in here if not zones or (one.visit and one.visit.zone in zones)]


def _entries(want: Want, since: datetime, until: datetime) -> list[Fact]:
    return [
        Fact(one.visit.entered, one.camera, one)
        for one in month()
        if one.visit and since <= one.visit.entered < until and _labelled(want, {one.label_at(one.visit.entered)})
        if one.visit.zone in want.get("zone", [one.visit.zone])
    ]


def _leavings(want: Want, since: datetime, until: datetime) -> list[Fact]:
    return [
        Fact(one.visit.left, one.camera, one, None, (one.visit.left - one.visit.entered).total_seconds())
        for one in month()
        if one.visit and one.visit.left and since <= one.visit.left < until
        if _labelled(want, {one.label_at(one.visit.left)}) and one.visit.zone in want.get("zone", [one.visit.zone])
    ]


def _crossings(want: Want, since: datetime, until: datetime) -> list[Fact]:
    return [
        Fact(one.crossed[1], one.camera, one)
        for one in month()
        if one.crossed and since <= one.crossed[1] < until and _labelled(want, {one.label_at(one.crossed[1])})
        if want.get("direction") in (None, one.crossed[0])
        if LINES[one.camera] in want.get("line", [LINES[one.camera]])
    ]


def _alerts(want: Want, since: datetime, until: datetime) -> list[Fact]:
    return [
        Fact(one.alert[1], one.camera, one)
        for one in month()
        if one.alert and since <= one.alert[1] < until
        if one.alert[0] in want.get("rule", [one.alert[0]])
        if RULES[one.alert[0]] in want.get("severity", [RULES[one.alert[0]]])
        if "zone" not in want or (one.alert[0] != "no-mask" and one.visit and one.visit.zone in want["zone"])
    ]


def _outages(want: Want, since: datetime, until: datetime) -> list[Fact]:
    return [
        Fact(one.down, one.camera, None, one.up, (min(one.up, until) - max(one.down, since)).total_seconds())
        for one in OUTAGES
        if one.reason != "shutdown" and one.down < until and one.up > since
    ]


_KINDS: dict[str, Callable[[Want, datetime, datetime], list[Fact]]] = {
    "tracks": _tracks,
    "now": _now,
    "entries": _entries,
    "leavings": _leavings,
    "crossings": _crossings,
    "alerts": _alerts,
    "outages": _outages,
}


def _labelled(want: Want, had: set[str]) -> bool:
    wanted = want.get("label")
    return wanted is None or not had.isdisjoint(PEOPLE_LABELS if wanted == "PEOPLE" else wanted)


def _suits(fact: Fact, want: Want) -> bool:
    one = fact.track
    if fact.camera not in want.get("camera", [fact.camera]):
        return False
    if one is None:
        return True
    name, groups = PEOPLE[one.person] if one.person else (None, ())
    return (
        ("person" not in want or name in want["person"])
        and not ("unnamed" in want and name)
        and ("group" not in want or not set(groups).isdisjoint(want["group"]))
        and _lasts(fact, want)
        and one.confidence >= want.get("min_conf", 0)
    )


def _lasts(fact: Fact, want: Want) -> bool:
    """Whether it is as long, or as short, as is asked for."""
    seconds = fact.seconds or 0.0
    return seconds >= want.get("min_s", 0) and ("max_s" not in want or seconds < want["max_s"])


def truth(want: Want) -> Any:
    """The answer: a number, a time, names, or numbers by name."""
    op = want["op"]
    if op == "compare":
        return _sides(want)
    if op == "all":
        return all(facts({**want, "person": [name]}) for name in want["people"])
    found = facts(want)
    people = {PEOPLE[fact.track.person][0] for fact in found if fact.track and fact.track.person}
    answers: dict[str, Callable[[], Any]] = {
        "count": lambda: len({(fact.camera, fact.at) for fact in found}),
        "list": lambda: len(found),
        "exists": lambda: bool(found),
        "first": lambda: found[0].at if found else None,
        "last": lambda: found[-1].at if found else None,
        "last_left": lambda: max((fact.until for fact in found if fact.until), default=None),
        "first_who": lambda: (found[0].at, found[0].track and _name(found[0].track)),
        "who": lambda: people,
        "where": lambda: {fact.camera for fact in found},
        "where_now": lambda: (found[-1].camera, found[-1].at),
        "when": lambda: [fact.at for fact in found],
        "how_long": lambda: _length([fact for fact in found if not _goes_on(fact)], want["measure"]),
        "table": lambda: groups(found, want["by"]),
        "busiest": lambda: _best(groups(found, want["by"])),
        "quietest": lambda: _best({key: -count for key, count in groups(found, want["by"]).items()}),
    }
    return answers[op]()


def groups(found: Sequence[Fact], by: str) -> dict[str, int]:
    """How many of each."""
    return dict(Counter(_key(fact, by) for fact in found))


def _key(fact: Fact, by: str) -> str:
    at = fact.at.astimezone(TZ)
    if by in ("hour", "day"):
        return at.replace(minute=0, second=0, microsecond=0).isoformat() if by == "hour" else at.date().isoformat()
    if by == "camera":
        return fact.camera
    assert fact.track
    return {"label": fact.track.label, "rule": (fact.track.alert or ("", 0))[0]}[by]


def _goes_on(fact: Fact) -> bool:
    """Whether nobody can say yet how long it lasts."""
    return fact.seconds is None or (fact.track is not None and fact.track.ended is None)


def _best(counts: Mapping[str, int]) -> set[str]:
    return {key for key, count in counts.items() if count == max(counts.values())}


def _length(found: Sequence[Fact], measure: str) -> float | None:
    seconds = [fact.seconds or 0.0 for fact in found]
    if not seconds:
        return None
    return {"total": sum(seconds), "average": sum(seconds) / len(seconds), "longest": max(seconds)}[measure]


def _sides(want: Want) -> list[int]:
    rest = {key: value for key, value in want.items() if key != "sides"}
    by = want.get("by")
    sides = [{**rest, by: [side]} if by else {**rest, **side} for side in want["sides"]]
    return [len(facts(side)) for side in sides]


def _name(one: Passing) -> str | None:
    return PEOPLE[one.person][0] if one.person else None
