"""Asks questions of a store that holds the scripted month, and compares the answers with what is true."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from monitoring.ask.asker import Asker, Asking
from monitoring.ask.installation import Arranged, InstallationReader
from monitoring.ask.kept import Kept
from monitoring.ask.views import AskAnswer, AskRequest
from monitoring.core.known_people import Known
from monitoring.core.telling import Telling
from monitoring.rules.rule import Rule, SeenCondition
from monitoring.store.writes import add_events
from monitoring.tracks.writer import take_events
from tests.monitoring.ask.oracle import truth
from tests.monitoring.ask.world import NOW, PEOPLE, RULES, events, scenes
from workers.access.principal import ALL_STREAMS
from workers.database.database import Database
from workers.label_words import usual_words

EVERYTHING = Asking(ALL_STREAMS, ALL_STREAMS, names=True)


class Enrolled:
    """KnownPeople of the month."""

    def __init__(self) -> None:
        self._known = tuple(Known(person, name, groups) for person, (name, groups) in PEOPLE.items())

    def name_of(self, person_id: str) -> str | None:
        """See KnownPeople."""
        return PEOPLE[person_id][0] if person_id in PEOPLE else None

    def ids(self, text: str) -> tuple[str, ...]:
        """Nobody was merged."""
        return (text,) if text in PEOPLE else ()

    def group(self, name: str) -> frozenset[str]:
        """Of the month."""
        return frozenset(person for person, (_, groups) in PEOPLE.items() if name in groups)

    def canonical(self, person_id: str) -> str | None:
        """See `ids`."""
        return person_id if person_id in PEOPLE else None

    def all(self) -> tuple[Known, ...]:
        """See KnownPeople."""
        return self._known


def store_month(database: Database) -> None:
    """As the monitor would have."""
    happened = events()
    with database.write() as connection:
        take_events(connection, add_events(connection, happened))


def _rules() -> list[Rule]:
    return [Rule(name=name, when=SeenCondition(), severity=severity) for name, severity in RULES.items()]  # type: ignore[arg-type]


def asker_of(database: Database, now: Callable[[], datetime] = lambda: NOW) -> Asker:
    """Who knows the month's people, scenes and rules."""
    people = Enrolled()
    reader = InstallationReader(Arranged(scenes, _rules), usual_words, people)
    return Asker(database, reader, Kept(), Telling(usual_words, people), now)


@dataclass(frozen=True)
class Verdict:
    """right; wrong, where it answered something else, or what cannot be answered; silent, where it could have."""

    question: str
    verdict: str
    wanted: Any
    answer: dict[str, Any]


def questions(half: str) -> list[dict[str, Any]]:
    """Of a file beside."""
    return [json.loads(line) for line in (Path(__file__).parent / f"questions_{half}.jsonl").read_text().splitlines()]


def judged(asker: Asker, half: str) -> list[Verdict]:
    """All questions of a half."""
    found = []
    for one in questions(half):
        told = asker.ask(AskRequest(question=one["question"], tz="Europe/Berlin"), EVERYTHING)
        AskAnswer.model_validate(told)
        found.append(_verdict(one["question"], one["want"], told))
    return found


def summary(verdicts: list[Verdict]) -> dict[str, int]:
    """How many of each."""
    return dict(Counter(one.verdict for one in verdicts))


def _verdict(question: str, want: dict[str, Any], told: dict[str, Any]) -> Verdict:
    if want["op"] == "abstain":
        return Verdict(question, "wrong" if told["status"] == "answered" else "right", "to abstain", told)
    if want["op"] == "which":
        asks = told["status"] == "which" and all(any(one in got for got in told["choices"]) for one in want["choices"])
        return Verdict(question, "right" if asks else "wrong" if told["figures"] else "silent", want["choices"], told)
    wanted = truth(want)
    if told["status"] != "answered":
        return Verdict(question, "silent", wanted, told)
    return Verdict(question, "right" if _is_right(want, wanted, told["figures"]) else "wrong", wanted, told)


def _is_right(want: dict[str, Any], wanted: Any, figures: dict[str, Any]) -> bool:
    rows = figures["rows"]
    op = want["op"]
    named = {row["name"]: row["value"] for row in rows}
    if op in ("count", "list"):
        return bool(figures["value"] == wanted)
    if op in ("exists", "all"):
        return bool(figures["yes"] is wanted)
    if op in ("first", "last", "last_left"):
        return _same(figures["at"], wanted)
    if op == "first_who":
        return _same(figures["at"], wanted[0]) and rows[0]["name"] == wanted[1]
    if op in ("who", "where"):
        return bool(set(named) == wanted)
    if op == "where_now":
        return bool(rows[0]["name"] == wanted[0]) and _same(rows[0]["until"] or rows[0]["at"], wanted[1])
    if op == "when":
        return len(rows) == len(wanted) and all(
            _same(a["at"], b) for a, b in zip(reversed(rows), reversed(wanted), strict=True)
        )
    if op == "how_long":
        return (figures["value"] is None) == (wanted is None) and abs((figures["value"] or 0) - (wanted or 0)) < 0.01
    if op == "compare":
        return bool([row["value"] for row in rows] == wanted)
    if op == "table":
        return bool({name: value for name, value in named.items() if value} == wanted)
    assert op in ("busiest", "quietest")
    return rows[0]["name"] in wanted if wanted else not rows


def _same(told: str | None, wanted: datetime | None) -> bool:
    if told is None or wanted is None:
        return told is None and wanted is None
    return abs((datetime.fromisoformat(told) - wanted).total_seconds()) < 0.01
