"""Answers questions: reads them, runs their plans, says what was found. Any thread; blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from monitoring.ask.answer import Told, answer, coverage_words
from monitoring.ask.coverage import Gap, first_stored, last_restart, read_gaps
from monitoring.ask.installation import EnrolledPeople, Installation, InstallationReader
from monitoring.ask.kept import Kept
from monitoring.ask.language.parse import Moment, Parsed, parse
from monitoring.ask.plan import MOST_SPANS, AskPlan
from monitoring.ask.run import Findings, find
from monitoring.ask.suggestions import follow_ups, instead
from monitoring.ask.target import Target, moment_of
from monitoring.ask.views import AskRequest, untold
from monitoring.core.known_people import ERASED, UNTOLD
from monitoring.core.telling import Telling
from monitoring.store.event_views import shown_events
from monitoring.store.query import time_ns
from monitoring.tracks.views import track_views
from workers.access.principal import StreamScope
from workers.database.database import Database


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks: the streams whose events, and whose pictures, may be seen; whether names may."""

    events: StreamScope
    pictures: StreamScope
    names: bool


class Asker:
    """Answers questions about what is stored."""

    def __init__(
        self,
        database: Database,
        reader: InstallationReader,
        kept: Kept,
        telling: Telling,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._reader = reader
        self._kept = kept
        self._telling = telling
        self._now = now

    def ask(self, request: AskRequest, asking: Asking) -> dict[str, Any]:
        """An AskAnswer, JSON-ready. Raises BadQuery for times that nothing can be of, DatabaseUnavailable."""
        moment = Moment(self._now(), ZoneInfo(request.tz))
        with self._database.read() as connection:
            installation = self._reader.read(connection, asking.events, names_people=asking.names)
            parsed = Parsed(plan=request.plan)
            if request.plan is None:
                parsed = parse(request.question, installation, moment, request.context)
            if parsed.needs_restart and parsed.plan is not None:
                parsed = _since_restart(parsed, last_restart(connection, asking.events))
            if parsed.plan is None:
                return _not_planned(parsed, request.question, installation, moment)
            return _Run(connection, installation, moment, asking, self._telling, self._reader.people, self._kept).run(
                parsed, parsed.plan
            )


def _since_restart(parsed: Parsed, restarted_ns: int | None) -> Parsed:
    if restarted_ns is None or parsed.plan is None:
        return Parsed(why="No restart is stored.")
    since = parsed.plan.range.model_copy(update={"since": moment_of(restarted_ns), "words": "since the last restart"})
    return replace(parsed, plan=parsed.plan.model_copy(update={"range": since}))


def _not_planned(parsed: Parsed, question: str, installation: Installation, moment: Moment) -> dict[str, Any]:
    fields = {"not_used": parsed.not_used, "choices": parsed.choices}
    if parsed.choices:
        return untold("which", parsed.why, **fields)
    other = instead(question, parsed.not_used, installation, moment)
    said = f" I can answer: {other[0]}" if other else ""
    return untold("abstained", f"{parsed.why}{said}", **fields, follow_ups=other)


@dataclass(frozen=True)
class _Run:
    """One plan, on one state of the database."""

    connection: Connection
    installation: Installation
    moment: Moment
    asking: Asking
    telling: Telling
    people: EnrolledPeople
    kept: Kept

    def run(self, parsed: Parsed, plan: AskPlan) -> dict[str, Any]:
        """An AskAnswer."""
        if (plan.intent == "who" or plan.whose or plan.by == "person") and not self.asking.names:
            return self._abstain(parsed, plan, "Who somebody is may be told to those only who may see names.")
        cameras = self._cameras(plan)
        first_ns = first_stored(self.connection, cameras, self.asking.events)
        if first_ns is None:
            return self._abstain(parsed, plan, "Nothing is stored yet of these cameras.")
        first = max(moment_of(first_ns), self.kept.since(plan, cameras, self.moment.now) or moment_of(first_ns))
        target = self._target(plan, first)
        against = None if plan.against is None else self._target(plan.model_copy(update={"range": plan.against}), first)
        for side in (target, against):
            if side is not None and (why := self._unknowable(side, first)):
                return self._abstain(parsed, plan, why)
        gaps = read_gaps(self.connection, cameras, self.asking.events, *_ends(target, against))
        gaps = [
            gap
            for gap in gaps
            if any(gap.clipped(span) for span in (*target.spans, *(against.spans if against else ())))
        ]
        told = Told(
            plan, self.installation, self._name_of, self.moment.zone, self.moment.now,
            moment_of(target.since_ns), moment_of(target.until_ns),
        )  # fmt: skip
        words = self._coverage(plan, cameras, gaps, told, first)
        if plan.counted != "now" and plan.subject != "outages" and self._all_away(cameras, gaps, target):
            return self._abstain(parsed, plan, f"Nobody can know: {' '.join(words)}", words)
        found = find(target, gaps, against)
        return self._answered(parsed, (plan, found, told), (gaps, words))

    def _answered(
        self, parsed: Parsed, said: tuple[AskPlan, Findings, Told], covered: tuple[Sequence[Gap], list[str]]
    ) -> dict[str, Any]:
        (plan, found, told), (gaps, words) = said, covered
        text = answer(found, told)
        if words and plan.subject != "outages" and not (found.value or found.items):
            text += f" But {words[0][:1].lower() if words[0].startswith('Nothing') else words[0][:1]}{words[0][1:]}"
        if parsed.read_as:
            slips = ", ".join(f"“{word}” as “{meant}”" for word, meant in parsed.read_as.items())
            text += f" (I read {slips}.)"
        telling = replace(self.telling, named=self.asking.events if self.asking.names else StreamScope(()))
        tracks = track_views(self.connection, [one.record for one in found.items if one.record is not None], telling)
        events = shown_events(self.connection, [one.row for one in found.items if one.row is not None], telling)
        shown = (*tracks, *events)
        seen = (
            one["snapshot_url"] for one in shown if one["snapshot_url"] and one["stream_id"] in self.asking.pictures
        )
        return untold(
            "answered",
            text,
            plan=plan.model_dump(mode="json"),
            figures=self._figures(plan, found, told),
            tracks=tracks,
            events=events,
            snapshots=list(dict.fromkeys(seen)),
            coverage=words,
            gaps=[self._gap(gap) for gap in gaps[:100]],
            read_as=parsed.read_as,
            follow_ups=follow_ups(plan, self.installation),
        )

    def _figures(self, plan: AskPlan, found: Findings, told: Told) -> dict[str, Any]:
        by_person = plan.intent == "who" or plan.by == "person" or plan.whose
        by_person |= plan.intent == "exists" and len(plan.person) > 1
        by_person |= plan.counted == "now" and plan.subject == "tracks" and plan.intent != "where"
        rows = [
            {
                "name": self._name_of(row.name) if by_person and row.name else row.name,
                "person": row.name if by_person else None,
                "value": row.value,
                "at": self._iso(row.at_ns),
                "until": self._iso(row.until_ns),
            }
            for row in found.rows
        ]
        return {
            "counted": plan.subject,
            "unit": "s" if plan.intent == "how_long" else "count",
            "value": found.value,
            "yes": found.yes,
            "at": self._iso(found.at_ns),
            "rows": rows,
            "since": told.since.astimezone(told.zone).isoformat(),
            "until": told.until.astimezone(told.zone).isoformat(),
            "tz": told.zone.key,
        }

    def _target(self, plan: AskPlan, first: datetime) -> Target:
        now = self.moment.now
        pieces = plan.range.spans(self.moment.zone, first, now)
        spans = [(time_ns(since), time_ns(until)) for since, until in pieces]
        people = None
        if plan.person or plan.group:
            people = [one for person in plan.person for one in self.people.ids(person) or (person,)]
            people += [one for group in plan.group for one in sorted(self.people.group(group))]
        if not plan.range.since and not plan.range.until and plan.range.words == "today":
            midnight = now.astimezone(self.moment.zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
            spans = [(time_ns(midnight), time_ns(now))]
        if plan.counted == "now":
            spans = [(time_ns(now) - 10**9, time_ns(now))]
        return Target(
            self.connection,
            plan,
            self.asking.events,
            self.moment.zone,
            spans,
            people,
            time_ns(now),
            self.people.canonical,
            self._names(plan),
        )

    def _names(self, plan: AskPlan) -> dict[str, Sequence[str]]:
        """The cameras and zones that the plan is about."""
        cameras = self._cameras(plan) or self.installation.cameras
        zones = [zone for zone, its in self.installation.zones.items() if not its or set(its) & set(cameras)]
        return {"camera": cameras, "zone": plan.zone or zones}

    def _cameras(self, plan: AskPlan) -> list[str]:
        """Those that the plan is about; none: all."""
        if plan.camera:
            return list(plan.camera)
        places = [self.installation.zones.get(zone, ()) for zone in plan.zone]
        places += [self.installation.lines.get(line, ()) for line in plan.line]
        return sorted({camera for cameras in places for camera in cameras})

    def _unknowable(self, target: Target, first: datetime) -> str:
        """Why there is no answer for that time; empty where there may be one."""
        if target.plan.counted == "now":
            return ""
        if not target.spans:
            return "That time has not come yet."
        if len(target.spans) > MOST_SPANS:
            return f"That is {len(target.spans)} separate pieces of time; I can look at {MOST_SPANS}."
        if target.until_ns <= time_ns(first):
            return f"Nothing is stored from before {first.astimezone(self.moment.zone):%d %b %Y, %H:%M}."
        return ""

    def _all_away(self, cameras: Sequence[str], gaps: Sequence[Gap], target: Target) -> bool:
        """Whether none of the cameras was watched at any time that is asked for."""
        every = cameras or self.installation.cameras
        long_ns = sum(until - since for since, until in target.spans)
        away = dict.fromkeys(every, 0)
        for gap in gaps:
            for span in target.spans:
                part = gap.clipped(span)
                if part is not None and gap.camera in away:
                    away[gap.camera] += (part.until_ns or span[1]) - part.since_ns
        return bool(every) and all(lost_ns >= long_ns * 0.999 for lost_ns in away.values())

    def _coverage(
        self, plan: AskPlan, cameras: Sequence[str], gaps: Sequence[Gap], told: Told, first: datetime
    ) -> list[str]:
        if plan.counted == "now":
            return []
        shown = [] if plan.subject == "outages" else gaps
        begins_before = plan.range.since is not None and plan.range.since < first
        return [*coverage_words(shown, told, first if begins_before else None), *self.kept.left_out(plan, cameras)]

    def _gap(self, gap: Gap) -> dict[str, Any]:
        return {
            "stream_id": gap.camera,
            "why": gap.why,
            "since": self._iso(gap.since_ns),
            "until": self._iso(gap.until_ns),
        }

    def _abstain(self, parsed: Parsed, plan: AskPlan, why: str, coverage: Sequence[str] = ()) -> dict[str, Any]:
        return untold(
            "abstained", why, plan=plan.model_dump(mode="json"), read_as=parsed.read_as, coverage=list(coverage),
            follow_ups=follow_ups(plan, self.installation),
        )  # fmt: skip

    def _name_of(self, person_id: str) -> str:
        if not self.asking.names:
            return UNTOLD
        return self.people.name_of(person_id) or ERASED

    def _iso(self, at_ns: int | None) -> str | None:
        return None if at_ns is None else moment_of(at_ns).astimezone(self.moment.zone).isoformat()


def _ends(target: Target, against: Target | None) -> tuple[int, int]:
    spans = [*target.spans, *(against.spans if against is not None else ())]
    return min((one[0] for one in spans), default=0), max((one[1] for one in spans), default=0)
