"""The words of the grammar: what is asked, about what, told apart how. Pure.

`read_grammar` takes them out of a question whose names and times are marks already; what it leaves nobody understood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import get_args

from monitoring.ask.language.words import NUMBER, Question, number_of
from monitoring.ask.plan import By, Intent, Measure
from workers.bus.event import Kind

_UNITS = {"second": 1.0, "sec": 1.0, "minute": 60.0, "min": 60.0, "hour": 3600.0, "day": 86400.0}
_LASTING = rf"({NUMBER}|an?) ?(second|sec|minute|min|hour|day)s?"
_CAME = (
    r"(?:came|come|comes|coming|arrived?|arrives|arriving|appeared|appear|appears|visited|visit|visits|showed up|"
    r"show up|turned up|passed by|pass by|passed|pass|dropped by|drove by|walked by|came by|come by|driven by)"
)
_MOVES = (
    r"(?:came|come|comes|coming|go|goes|going|went|gone|walked?|drove|drive|driven|cross(?:ed)?|got|get|passed|rode)"
)
_NOT_PLACE = r"(?! (?:the|a|an|our|my|your|their) )(?! <(?:camera|zone)>)"
_INTENTS: tuple[tuple[Intent, str], ...] = (
    ("how_long", r"(?:for )?how many (?:seconds|minutes|hours)(?: long)?"),
    ("how_often", r"(?:how many times|how often|how frequently)"),
    ("count", r"(?:how many(?: of)?|(?:what is |what was )?(?:the )?(?:total )?number of|(?:the )?count(?: of)?)"),
    ("how_long", r"(?:for )?how (?:long|much time)"),
    ("compare", r"(?:compare|versus|vs|(?:what is |what was )?(?:the )?difference (?:between|in))"),
    ("who", r"(?:who(?:m)?|(?:which|what) (?:known )?(?:persons?|people))"),
    ("where", r"(?:where|(?:on |in |at |by )?(?:which|what) (?:cameras?|zones?|areas?))"),
    ("when", r"(?:when|(?:at )?(?:what|which) times?)"),
    (
        "list",
        r"(?:list|show(?: me)?|display|give me|(?:which|what) (?=<alert>|<outage>|<events>|<things>))",
    ),
)
_DIMENSIONS: dict[By, str] = {
    "camera": r"(?:cameras?|streams?)",
    "zone": r"(?:zones?|areas?)",
    "label": r"(?:labels?|class(?:es)?|types?)",
    "person": r"(?:persons?|people|names?)",
    "rule": r"rules?",
    "hour": r"(?:hours?|times?(?: of (?:the )?day)?)",
    "day": r"(?:days?|dates?)",
}
_THINGS = r"(?:tracks?|objects?|things?|sightings?|anything|something)"
PEOPLE = r"(?:people|persons?|folks?|anyone|anybody|someone|somebody|individuals?|humans?|pedestrians?)"
_VEHICLES = r"(?:vehicles?)"
_ALERTS = r"(?:alerts?|alarms?)"
_OUTAGES = (
    r"(?:(?:go|goes|went|gone|going) (?:offline|down)|offline|down|outages?|disconnected|disconnections?|unavailable|"
    r"unreachable|not available|failed|fail|failures?)"
)

_NOT_EACH = r"(?<!per )(?<!by )(?<!each )(?<!every )"
_PAST = frozenset("was were did has have had been came seen saw left".split())
_OPENING = r"(?:and )?(?:did|was|were|is|are|has|have|had|does|do|any|anyone|anybody|someone|somebody|anything)\b"

VOCABULARY = frozenset(
    "people person persons tracks track alerts alert alarms alarm camera cameras zone zones yesterday today monday "
    "tuesday wednesday thursday friday saturday sunday morning afternoon evening january february march april august "
    "september october november december offline outage outages busiest quietest compare average longest between "
    "vehicles anyone anybody someone somebody entered crossed crossings crossing visited arrived weekend".split()
)
"""Words that are guessed when they are misspelt."""


@dataclass(slots=True)
class Grammar:
    """What was said, besides names and times. mentions: people, vehicles, things."""

    intents: set[Intent] = field(default_factory=set)
    mentions: set[str] = field(default_factory=set)
    alerts: bool = False
    outages: bool = False
    events: bool = False
    kinds: list[Kind] = field(default_factory=list)
    severity: list[str] = field(default_factory=list)
    came: bool = False
    entered: bool = False
    left: bool = False
    stayed: bool = False
    crossed: bool = False
    moved: bool = False
    present: bool = False
    direction: str | None = None
    named: bool | None = None
    min_s: float | None = None
    max_s: float | None = None
    confidence: float | None = None
    by: By | None = None
    measure: Measure | None = None
    most: bool = False
    least: bool = False


def read_lengths(question: Question, grammar: Grammar) -> None:
    """Durations, confidences and directions; before times are read, whose numbers and "in" these are not."""
    for direction, word in (("in", r"(?:inside|inwards?|in)"), ("out", r"(?:outside|outwards?|out)")):
        if question.takes(rf"(?:(?:in )?(?:the )?direction {word}|{direction}(?:bound|wards?))"):
            grammar.direction, grammar.crossed = direction, True
    longer = r"(?:for )?(?:longer than|more than|over|above|at least|exceeding|at minimum)"
    shorter = r"(?:for )?(?:shorter than|less than|under|below|at most|fewer than)"
    for pattern, is_most in ((longer, False), (shorter, True)):
        if found := question.take(rf"{pattern} {_LASTING}"):
            seconds = number_of(found[1]) * _UNITS[found[2]]
            if is_most:
                grammar.max_s = seconds
            else:
                grammar.min_s = seconds
    number = r"(\d{1,3}(?:\.\d+)?) ?(%|percent)?"
    above = r"(?:above|over|of at least|at least|of more than|more than|greater than|higher than)"
    if found := question.take(rf"(?:with |at )?(?:an? )?confidence {above} {number}"):
        value = float(found[1])
        grammar.confidence = value / 100 if found[2] or value > 1 else value


def read_grammar(question: Question, grammar: Grammar) -> None:
    """When names and times are marks: takes what it knows, the longest phrases first."""
    words = question.text.split()
    grammar.present = bool({"is", "are"} & set(words)) and not _PAST & set(words)
    if question.takes(r"what (?:has |have )?happened", "<list>"):
        grammar.intents.add("list")
        grammar.mentions.add("things")
    if question.takes(r"how (?:busy|crowded)", "<count>"):
        grammar.intents.add("count")
        grammar.mentions.add("things")
    question.takes(r"(?:(?:can|could|would) you(?: please)?|(?:do|did) you (?:know|see|have)|tell me)")
    question.takes(r"(?:show|list|give)(?: me)? all(?: of)?", "list")
    noun = "<people>" if question.has(rf"{PEOPLE} (?:who|that|which)") else "<things>"
    if question.takes(rf"(?:{PEOPLE}|{_THINGS}) (?:who|that|which)", noun):
        grammar.mentions.add(noun[1:-1])
    _read_subjects(question, grammar)
    _read_measure(question, grammar)
    _read_order(question, grammar)
    _read_dimension(question, grammar)
    _read_direction(question, grammar)
    _read_movement(question, grammar)
    for intent, pattern in _INTENTS:
        if question.takes(pattern, f"<{intent}>"):
            grammar.intents.add(intent)
    if grammar.intents:
        question.takes(r"(?:what|which) (?:is|was|were|are)")
    for name, pattern in (("people", PEOPLE), ("vehicles", _VEHICLES), ("things", _THINGS)):
        if question.takes(pattern, f"<{name}>"):
            grammar.mentions.add(name)
    if "who" in grammar.intents:
        grammar.mentions.discard("people")
    if grammar.intents <= {"list"} and re.match(_OPENING, question.text):
        grammar.intents = {"exists"}


def _read_subjects(question: Question, grammar: Grammar) -> None:
    for word, severity in (
        ("critical", "critical"),
        ("warning", "warning"),
        ("info", "info"),
        ("informational", "info"),
    ):
        if question.takes(rf"{word}(?: level)? (?:{_ALERTS}|<alert>)", "<alert>"):
            grammar.severity.append(severity)
        elif question.takes(rf"(?:of |with )?(?:the )?severity {word}"):
            grammar.severity.append(severity)
    if question.takes("warnings", "<alert>"):
        grammar.severity.append("warning")
    grammar.outages = question.takes(_OUTAGES, "<outage>")
    if grammar.outages:
        question.takes(rf"(?<!what )(?<!which ){_NOT_EACH}(?:any |a |the |all )?cameras?")
    for kind in get_args(Kind):
        if kind not in ("alert", "stream_up", "stream_down") and question.takes(
            rf"(?:{kind.replace('_', ' ')})(?: events?|s)", "<events>"
        ):
            grammar.kinds.append(kind)
    if question.takes("label changes", "<events>"):
        grammar.kinds.append("label_changed")
    grammar.events = question.takes("events?", "<events>") or bool(grammar.kinds)
    grammar.alerts = question.takes(_ALERTS, "<alert>") or question.has("<alert>")
    if question.takes(
        r"(?:unknown|unnamed|unidentified|unrecognised|unrecognized) (?:people|persons?|faces?)|strangers?", "<person>"
    ):
        grammar.named = False


def _read_measure(question: Question, grammar: Grammar) -> None:
    """Of how long something lasts."""
    measures: tuple[tuple[Measure, str], ...] = (
        ("average", r"(?:on average|(?:an |the )?(?:average|mean))"),
        ("longest", r"(?:the )?(?:longest|maximum)"),
        ("total", r"(?:the )?(?:total|whole|entire)(?= (?:time|duration|stay|length))"),
    )
    for measure, pattern in measures:
        if question.takes(pattern):
            grammar.measure = measure
            lengths = (
                r"(?:stays?|durations?|visits?(?: to)?|length|time spent|time)(?= (?:of|in|at|<|people|tracks)| *$)"
            )
            if question.takes(lengths, "<how_long>") or question.has("<outage>"):
                grammar.intents.add("how_long")


def _read_order(question: Question, grammar: Grammar) -> None:
    """First, last, most, least, more than."""
    if question.takes(r"(?:the )?(?:first|earliest)(?: time)?", "<order>"):
        grammar.intents.add("first")
    if question.takes(r"(?:the )?(?:last|latest|most recent|newest|most recently)(?: time)?", "<order>"):
        grammar.intents.add("last")
    if question.takes(r"(?:the )?(?:quietest|calmest|least busy|least crowded|fewest|least)", "<order>"):
        grammar.least = grammar.most = True
    most = r"(?:busiest|most busy|most crowded|most common(?:ly)?|most frequent(?:ly)?|most often|peak|most)"
    if question.takes(rf"(?:the )?{most}", "<order>"):
        grammar.most = True
    if grammar.most:
        grammar.intents.add("busiest")
    if question.takes(r"(?:more|fewer|less|busier|quieter)", "<more>"):
        question.takes(r"than(?: (?:at|on|in|during))?", "<than>")
        grammar.intents.add("compare")


def _read_dimension(question: Question, grammar: Grammar) -> None:
    """By what: named after "which", after "by" or "each", or beside a superlative."""
    each = r"(?:(?:broken down |split |grouped |sorted )?by|per|(?:for |in |at |on )?(?:each|every))"
    for by, pattern in _DIMENSIONS.items():
        if question.takes(rf"{each} {pattern}"):
            grammar.by = by
    if question.takes(r"(?:on )?(?:which|what) days?(?= )") or question.takes("daily"):
        grammar.by = "day"
        if not grammar.most:
            grammar.intents.add("count")
    if question.takes("hourly"):
        grammar.by = "hour"
    for before in (r"(?:on |at |in |by )?(?:which|what) ", r"(?<=<order> )"):
        for by, pattern in _DIMENSIONS.items():
            if grammar.most and grammar.by is None and question.take(f"{before}{pattern}"):
                grammar.by = by
    if grammar.by is None and question.takes(r"(?:in )?(?:which|what) (?:zones?|areas?)", "<where>"):
        grammar.by = "zone"
        grammar.intents.add("where")


def _read_direction(question: Question, grammar: Grammar) -> None:
    for direction, word in (("in", r"(?:inside|inwards?|in)"), ("out", r"(?:outside|outwards?|out)")):
        if question.takes(rf"{_MOVES} {word}{_NOT_PLACE}", "<crossing>"):
            grammar.direction, grammar.moved = direction, True


def _read_movement(question: Question, grammar: Grammar) -> None:
    crossing = r"(?:line )?(?:crossings?|crosses|crossed|cross)"
    through = rf"{_MOVES} (?:through|across|over)(?= (?:the )?<line>)"
    grammar.crossed |= question.takes(rf"(?:{crossing}|{through})", "<crossing>")
    into = rf"{_MOVES} (?:into|in|inside|to)(?= (?:the |a )?<zone>)"
    grammar.entered = question.takes(rf"(?:entered|enters?|entering|{into})", "<entered>")
    left = r"(?:left|leaves?|leaving|exited|exits?|exiting|departed|depart|went away|gone away)"
    grammar.left = question.takes(left, "<left>")
    stayed = r"(?:stayed|stays?|staying|spent|spends?|spending|lasted|lasts?|lasting|lingered|remained)"
    grammar.stayed = question.takes(stayed, "<stayed>")
    grammar.came = question.takes(_CAME, "<came>")
    question.takes(
        r"(?:seen|saw|sees?|get|got|raise|raises|detected|noticed|recorded|spotted|present|visible|observed|found|occurred|occurs?|happened|"
        r"happens?|took place|take place|raised|triggered|fired?|go off|went off|go)",
        "<seen>",
    )
