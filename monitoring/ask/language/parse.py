"""From a question to a plan, or to why there is none: ambiguous names, words that were not understood. Pure.

Nothing is guessed: a word that could change the answer and that nobody took makes the parser abstain. A misspelt word
is read as the name or word that it is nearest to, which the answer says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from monitoring.ask.installation import Installation
from monitoring.ask.language.grammar import VOCABULARY, Grammar, read_grammar, read_lengths
from monitoring.ask.language.meaning import Meaning, Unclear
from monitoring.ask.language.names import FoundNames, Lexicon
from monitoring.ask.language.times import read_times
from monitoring.ask.language.words import Question, joined, normal
from monitoring.ask.plan import AskPlan
from workers.validation import first_reason


@dataclass(slots=True)
class Parsed:
    """plan: None where there is none; `why` says why, `choices` what an ambiguous word may mean, as whole questions.

    read_as: words that were taken for others. needs_restart: the plan's range begins when Livesight was restarted.
    """

    plan: AskPlan | None = None
    why: str = ""
    not_used: list[str] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    read_as: dict[str, str] = field(default_factory=dict)
    needs_restart: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """When and where somebody asks."""

    now: datetime
    zone: ZoneInfo


_Rest = tuple[Lexicon, Installation, Moment, AskPlan | None]


def parse(text: str, installation: Installation, moment: Moment, context: AskPlan | None = None) -> Parsed:
    """The plan of a question. context: that of the question before, which "and yesterday?" goes on from."""
    lexicon = Lexicon(installation)
    parsed = _parse_once(text, lexicon, installation, moment, context)
    if not parsed.not_used:
        return parsed
    guesses = {word: lexicon.nearest(word, VOCABULARY) for word in parsed.not_used}
    if all(guesses.values()):
        return _guessed(text, guesses, (lexicon, installation, moment, context)) or parsed
    return parsed


def _guessed(text: str, guesses: dict[str, list[str]], rest: _Rest) -> Parsed | None:
    """The question with its slips mended; None where that does not help either."""
    plain = normal(text)
    doubtful = [word for word, found in guesses.items() if len(found) > 1 or len(word) < 6]
    if doubtful:
        word = doubtful[0]
        choices = [re.sub(rf"\b{re.escape(word)}\b", guess, plain) for guess in guesses[word]]
        helps = [choice for choice in choices if (one := _parse_once(choice, *rest)).plan or one.choices]
        said = joined(f"“{guess}”" for guess in guesses[word])
        return Parsed(why=f"“{word}” is not a name here: is {said} meant?", choices=helps) if helps else None
    for word, found in guesses.items():
        plain = re.sub(rf"\b{re.escape(word)}\b", found[0], plain)
    parsed = _parse_once(plain, *rest)
    if parsed.plan is None and not parsed.choices:
        return None
    parsed.read_as = {word: found[0] for word, found in guesses.items()}
    return parsed


def _parse_once(
    text: str, lexicon: Lexicon, installation: Installation, moment: Moment, context: AskPlan | None
) -> Parsed:
    question = Question(text)
    follows_up = bool(question.take(r"^ ?(?:and|what about|how about|and what about|and how about)\b"))
    grammar = Grammar()
    names = lexicon.take(question)
    if names.choices:
        return _which(text, names)
    read_lengths(question, grammar)
    times = read_times(question, moment.now, moment.zone)
    if times.problem:
        return Parsed(why=f"That cannot be answered: {times.problem}.")
    read_grammar(question, grammar)
    _connect(question, grammar)
    unused = question.unused()
    if unused:
        partly = lexicon.partly(unused)
        if partly.choices:
            return _which(text, partly)
    apart = question.has("<(?:people|vehicles)>") and question.has("<label>")
    meaning = Meaning(installation, names, times, grammar, apart, question.joined_by)
    return _planned(meaning, unused, context if follows_up else None)


def _planned(meaning: Meaning, unused: Sequence[str], context: AskPlan | None) -> Parsed:
    if unused:
        words = joined(f"“{word}”" for word in unused)
        return Parsed(
            why=f"I do not know what to do with {words}, which could change the answer.", not_used=list(unused)
        )
    try:
        return Parsed(plan=meaning.plan(context), needs_restart=meaning.times.restart)
    except Unclear as error:
        return Parsed(why=str(error))
    except ValidationError as error:
        return Parsed(why=f"That makes no plan: {first_reason(error, 'plan')}.")


def _which(text: str, names: FoundNames) -> Parsed:
    plain = normal(text)
    pattern = rf"\b(?:(?:camera|zone|line|label|person|area) )?{re.escape(names.word)}\b"
    choices = [re.sub(pattern, choice, plain, count=1) for choice in names.choices]
    meant = " or ".join(names.choices)
    return Parsed(why=f"“{names.word}” may mean more than one thing: {meant}?", choices=choices)


_ARTICLES = r"(?:(?:the|a|an|any|at|in|on) )*"
_AND = r"(?:, and|, or|and|or|,)"


def _connect(question: Question, grammar: Grammar) -> None:
    """Takes the small words that only join marks, or lead to one. Two names of a kind must be joined to be understood.

    What a word such as "with" says of two things is not known: it stays, and so does a second name.
    """
    compares = "compare" in grammar.intents
    if compares:
        question.takes(rf"(?:with|to|against|and|or|than|between)(?= {_ARTICLES}<)")
    question.takes(rf"(?:by|through|across|over|about|within|inside|of|during|via)(?= {_ARTICLES}<)")
    for before, after in (
        ("alert|things|outage|events|crossing", "camera|zone|group|label|person|line"),
        ("people|who", "group"),
    ):
        pattern = rf"<({before})> (?:from|with) ({_ARTICLES})<({after})>"
        question.left = re.sub(pattern, r"<\1> \2<\3>", question.left)
    question.left = re.sub(rf"from ({_ARTICLES})<group>", r"\1<group>", question.left)
    whom = "people|vehicles|label"
    for kind in (whom, "camera", "zone", "line", "person", "rule", "group"):
        pair = rf"<(?:{kind})> {_AND} {_ARTICLES}<({kind})>"
        while found := re.search(pair, question.left):
            question.joined_by[kind] = "and" if "and" in found[0] else question.joined_by.get(kind, "or")
            question.left = re.sub(pair, r"<\1>", question.left, count=1)
    for kind in ("camera", "zone", "line", "label", "person"):
        if not compares and question.left.count(f"<{kind}>") > 1:
            question.left += f" {kind}s together "
