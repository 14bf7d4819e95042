"""What words, names and times mean together: makes the plan, or says why they make none. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monitoring.ask.installation import Installation
from monitoring.ask.language.grammar import Grammar
from monitoring.ask.language.names import FoundNames
from monitoring.ask.language.times import Times
from monitoring.ask.language.words import joined
from monitoring.ask.plan import AskPlan, By, Intent, PlanRange, Subject

_PRECEDENCE: tuple[Intent, ...] = (
    "compare",
    "busiest",
    "how_often",
    "count",
    "how_long",
    "first",
    "last",
    "where",
    "who",
    "when",
    "list",
    "exists",
)
_TOGETHER: dict[frozenset[Intent], Intent] = {
    frozenset({"who", "first"}): "first",
    frozenset({"who", "last"}): "last",
    frozenset({"when", "first"}): "first",
    frozenset({"when", "last"}): "last",
    frozenset({"where", "last"}): "where",
    frozenset({"where", "first"}): "first",
    frozenset({"when", "busiest"}): "busiest",
    frozenset({"where", "busiest"}): "busiest",
    frozenset({"who", "busiest"}): "busiest",
    frozenset({"list", "busiest"}): "busiest",
    frozenset({"list", "first"}): "first",
    frozenset({"list", "last"}): "last",
    frozenset({"list", "count"}): "count",
    frozenset({"list", "compare"}): "compare",
    frozenset({"list", "how_long"}): "how_long",
    frozenset({"list", "who"}): "who",
    frozenset({"list", "when"}): "when",
    frozenset({"exists", "compare"}): "compare",
}
"""Of two intents in a question, which it is; others do not go together."""


class Unclear(Exception):
    """No plan follows from what was said; the text says why."""


@dataclass(frozen=True)
class Meaning:
    """What was read. apart: people, or vehicles, and a label stand in the question without an "and" between.

    joined_by: "and" or "or", by the kind of names between which it stands.
    """

    installation: Installation
    names: FoundNames
    times: Times
    grammar: Grammar
    apart: bool = False
    joined_by: Mapping[str, str] = field(default_factory=dict)

    def plan(self, context: AskPlan | None = None) -> AskPlan:
        """The plan. context: goes on from that of the question before. Raises Unclear, and ValueError for what cannot
        be run."""
        grammar, values = self.grammar, self.names.values
        ranges = self._ranges()
        labels, means = self._labels()
        fields: dict[str, Any] = {
            **{name: values[name] for name in ("camera", "zone", "line", "rule", "person", "group")},
            "label": labels,
            "means": means,
            "severity": grammar.severity,
            "kind": grammar.kinds,
            "direction": grammar.direction,
            "named": grammar.named,
            "min_duration_s": grammar.min_s,
            "max_duration_s": grammar.max_s,
            "min_confidence": grammar.confidence,
        }
        if context is not None and not grammar.intents:
            changed = {name: value for name, value in (fields | {"by": grammar.by}).items() if value}
            return self._going_on(context, changed, ranges)
        intent = self._intent()
        subject = self._subject(fields, intent)
        counted = self._counted(intent, subject)
        if intent == "when" and counted == "left":
            intent = "last"
        self._check_topic(intent, subject)
        self._check_joined(intent, counted)
        fields |= {"intent": intent, "subject": subject, "counted": counted, "by": self._by(intent, subject, fields)}
        fields |= {
            "every": intent == "exists" and self.joined_by.get("person") == "and",
            "least": grammar.least,
            "whose": "who" in grammar.intents and intent in ("first", "last"),
        }
        fields |= self._times(intent, ranges) | self._measure(intent, subject, values)
        self._check(fields)
        return AskPlan(**fields)

    def _ranges(self) -> list[PlanRange]:
        if self.times.ranges and (self.times.ever or self.times.restart or self.times.now):
            raise Unclear("Two times are named that do not go together.")
        return self.times.ranges

    def _labels(self) -> tuple[list[str], str]:
        labels, mentions = list(self.names.values["label"]), self.grammar.mentions
        known = self.names.values["person"] or self.names.values["group"] or self.grammar.named is False
        means = []
        for mention, members in (
            ("people", self.installation.people_labels()),
            ("vehicles", self.installation.vehicle_labels()),
        ):
            if mention not in mentions or (mention == "people" and known):
                continue
            if not members:
                there = joined(self.installation.labels) or "no labels yet"
                raise Unclear(f"No label here is known to mean {mention}; there are: {there}.")
            if self.apart and labels:
                if not set(labels) <= set(members):
                    raise Unclear(f"How {mention} and {joined(labels)} go together in this question is not clear.")
                continue
            means.append(mention)
            labels += [one for one in members if one not in labels]
        if not means:
            return labels, ""
        words = (self.installation.label_words(label) for label in self.names.values["label"])
        return labels, joined([*means, *(one.many for one in words if one is not None)])[:60]

    def _intent(self) -> Intent:
        found = frozenset(self.grammar.intents)
        if len(found) > 1 and found not in _TOGETHER:
            rest = found - {"list", "exists"}
            if len(rest) > 1 and rest not in _TOGETHER:
                raise Unclear("This asks for several things at once; please ask one at a time.")
            found = rest
        if found in _TOGETHER:
            return _TOGETHER[found]
        if found:
            return next(one for one in _PRECEDENCE if one in found)
        if self.grammar.alerts or self.grammar.outages or self.grammar.events:
            return "list"
        if self.grammar.mentions or self.names.values["label"]:
            return "count"
        raise Unclear("It is not clear what is asked: how many, who, when, where, how long, or a list.")

    def _subject(self, fields: dict[str, Any], intent: Intent) -> Subject:
        grammar = self.grammar
        named = {"alerts": grammar.alerts or bool(fields["rule"]), "outages": grammar.outages, "events": grammar.events}
        found = [name for name, said in named.items() if said]
        if len(found) > 1:
            raise Unclear(f"It is not clear whether {' or '.join(found)} are meant.")
        if found:
            return found[0]  # type: ignore[return-value]
        if fields["severity"]:
            raise Unclear("Alerts have a severity; nothing else does.")
        known = fields["person"] or fields["group"]
        if grammar.moved and known and not fields["line"] and not grammar.crossed:
            fields["direction"] = None  # "did Ben come in?" asks whether he was there, not by which door
            return "entries" if fields["zone"] else "tracks"
        if fields["line"] or grammar.crossed or grammar.moved:
            return "crossings"
        if fields["zone"]:
            if self.times.now:
                return "tracks"
            timed = grammar.min_s is not None or grammar.max_s is not None or intent == "how_long"
            return "leavings" if grammar.left or timed else "entries"
        if (grammar.entered or grammar.left) and not known and grammar.by != "zone":
            return self._through_lines(fields)
        return "entries" if grammar.by == "zone" else "tracks"

    def _through_lines(self, fields: dict[str, Any]) -> Subject:
        """Who entered or left, without a zone, crossed a line, if there is one."""
        cameras = fields["camera"]
        lines = [one for one, its in self.installation.lines.items() if not cameras or set(its) & set(cameras)]
        if lines:
            fields["direction"] = "in" if self.grammar.entered else "out"
            return "crossings"
        if not cameras:
            raise Unclear(
                "No line is drawn on any camera, so nobody knows who entered or left; I can say who came into view."
            )
        return "tracks"

    def _counted(self, intent: Intent, subject: Subject) -> str:
        grammar = self.grammar
        is_now = grammar.present and not (self.times.ranges or self.times.ever or self.times.restart)
        if is_now and intent in ("count", "exists", "who") and subject in ("tracks", "outages"):
            return "now"
        if is_now and intent in ("where", "list") and subject == "outages":
            return "now"
        if self.times.now:
            if subject not in ("tracks", "outages"):
                raise Unclear("Only who is in view is known of this very moment; name a time for anything else.")
            return "now"
        comes = grammar.came or grammar.entered or (grammar.moved and grammar.direction == "in")
        leaves = grammar.left or (grammar.moved and grammar.direction == "out")
        if comes and leaves:
            raise Unclear("Coming and leaving are two questions; please ask one at a time.")
        if subject != "tracks":
            return "seen"
        return "left" if leaves else "came" if comes else "seen"

    def _by(self, intent: Intent, subject: Subject, fields: dict[str, Any]) -> By | None:
        grammar = self.grammar
        if intent == "busiest":
            if "who" in grammar.intents:
                return "person"
            by = "camera" if "where" in grammar.intents and grammar.by is None else grammar.by or "hour"
            if grammar.least and by not in ("hour", "day", "camera", "zone"):
                raise Unclear("Only hours, days, cameras and zones can be the quietest here.")
            return by
        if intent == "compare":
            named = {**fields, "label": self.names.values["label"]}
            several = [name for name in ("camera", "zone", "label", "person") if len(named[name]) > 1]
            if len(self.times.ranges) == 2:
                return None
            if self.names.values["group"] or (
                self.grammar.mentions and len(fields["label"]) > 1 and not fields["camera"]
            ):
                raise Unclear("Two groups cannot be compared here; name two cameras, zones, labels, people or times.")
            if len(several) != 1 or len(self.times.ranges) > 1:
                raise Unclear("To compare, name two times, or two cameras, zones, labels or people.")
            return several[0]  # type: ignore[return-value]
        return grammar.by

    def _times(self, intent: Intent, ranges: list[PlanRange]) -> dict[str, Any]:
        if intent == "compare" and len(ranges) == 2:
            return {"range": ranges[0], "against": ranges[1]}
        if len(ranges) > 1:
            raise Unclear("Two times are named; please ask about one, or compare them.")
        if ranges:
            return {"range": ranges[0]}
        wide = intent in ("first", "last", "where", "when", "how_often", "busiest") or self.grammar.by == "day"
        wide |= intent == "how_long" and self.grammar.measure in ("average", "longest")
        everything = self.times.ever or self.times.restart or wide
        return {"range": PlanRange(words="at all times" if everything else "today")}

    def _measure(self, intent: Intent, subject: Subject, values: dict[str, list[str]]) -> dict[str, Any]:
        if intent != "how_long":
            if self.grammar.measure is not None:
                raise Unclear(f"The {self.grammar.measure} of that is not known here; I can count, and say how long.")
            return {}
        usual = "total" if subject == "outages" or values["person"] else "average"
        return {"measure": self.grammar.measure or usual}

    def _check_topic(self, intent: Intent, subject: Subject) -> None:
        """Raises Unclear where nothing is said to be counted, looked for or listed."""
        values, grammar = self.names.values, self.grammar
        named = any(values[name] for name in ("label", "person", "group", "rule"))
        open_ended = "who" in grammar.intents or intent in ("busiest", "compare") or grammar.named is False
        if subject == "tracks" and not (open_ended or named or grammar.mentions or grammar.by == "label"):
            raise Unclear("It is not clear what is to be looked for: people, tracks, alerts, outages, or a label.")

    def _check_joined(self, intent: Intent, counted: str) -> None:
        """Raises Unclear where "and" may mean both at once, or each."""
        both = {kind for kind, word in self.joined_by.items() if word == "and"} - {"group", "rule"}
        if self.names.values["person"] and ("people" in self.grammar.mentions or "who" in self.grammar.intents):
            if intent not in ("first", "last"):
                raise Unclear("Somebody is named, and people are asked for; please ask about one of both.")
        several = {kind for kind in both if kind == "person"}
        if intent == "exists" and both - several:
            raise Unclear("Whether one or both are meant is not clear; please ask about one at a time.")
        if several and intent in ("when", "first", "last", "where", "how_long"):
            raise Unclear("Please ask about one person at a time.")
        if intent == "exists" and counted == "left":
            raise Unclear(
                "Whether somebody left for good nobody knows; I can say who is here now, or was last seen when."
            )

    def _check(self, fields: dict[str, Any]) -> None:
        """Raises Unclear for filters that the subject does not have."""
        subject, intent = fields["subject"], fields["intent"]
        allowed = {
            "outages": {"camera"},
            "alerts": {"camera", "zone", "label", "person", "group", "rule", "severity", "min_confidence", "named"},
            "tracks": {
                "camera",
                "label",
                "person",
                "group",
                "min_duration_s",
                "max_duration_s",
                "min_confidence",
                "named",
            },
            "entries": {"camera", "zone", "label", "person", "group", "min_confidence", "named"},
            "leavings": {
                *("camera", "zone", "label", "person", "group", "min_confidence", "named"),
                *("min_duration_s", "max_duration_s"),
            },
            "crossings": {"camera", "line", "direction", "label", "person", "group", "min_confidence", "named"},
            "events": {"camera", "kind", "zone", "line", "direction", "label", "person", "group", "min_confidence"},
        }[subject]
        if fields["counted"] == "now":
            allowed = {"camera", "zone", "label", "person", "group", "named"}
        filters: tuple[str, ...] = ("zone", "line", "direction", "label", "person", "group", "rule", "severity")
        filters += ("kind", "min_duration_s", "max_duration_s", "min_confidence")
        odd = [name for name in filters if fields[name] not in (None, []) and name not in allowed]
        if odd:
            raise Unclear(
                f"How {subject} and {joined(name.replace('_', ' ') for name in odd)} go together is not clear."
            )
        if subject == "outages" and intent in ("who", "where", "busiest") and fields["by"] not in (None, "camera"):
            raise Unclear("Of outages I can say how many there were, when, and how long, by camera.")

    def _going_on(self, context: AskPlan, changed: dict[str, Any], ranges: list[PlanRange]) -> AskPlan:
        """The plan before, with what was named now in place of what was named then."""
        if len(ranges) > 1 or not (changed or ranges or self.times.ever or self.times.restart):
            raise Unclear("It is not clear what to change of the question before.")
        if changed.get("label") and "means" not in changed:
            changed["means"] = ""
        if ranges:
            changed["range"] = ranges[0]
        elif self.times.ever or self.times.restart:
            changed["range"] = PlanRange(words="at all times")
        plan = AskPlan.model_validate(context.model_dump() | changed)
        self._check(plan.model_dump())
        return plan
