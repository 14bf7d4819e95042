"""Questions to ask next, and what can be answered in place of a question that cannot. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from monitoring.ask.installation import Installation
from monitoring.ask.language.parse import Moment, parse
from monitoring.ask.language.words import normal
from monitoring.ask.plan import AskPlan

_MOST = 4


def follow_ups(plan: AskPlan, installation: Installation) -> list[str]:
    """Short questions that go on from a plan."""
    found: list[str] = []
    said = plan.range.words
    if plan.counted == "now":
        return ["How many people came today?"] if installation.people_labels() else []
    if plan.intent != "compare":
        found += [f"and {words}?" for words in ("yesterday", "this week") if words not in said]
        others = [name for name in installation.cameras if name not in plan.camera]
        if len(plan.camera) == 1 and others and not plan.zone and not plan.line:
            found.append(f"and at camera {others[0]}?")
        if (
            plan.intent in ("count", "how_often")
            and plan.by is None
            and not plan.camera
            and len(installation.cameras) > 1
        ):
            found.append("and by camera?")
        if plan.intent in ("count", "how_often") and plan.by is None and plan.subject != "outages":
            found.append("and by hour?")
    return found[:_MOST]


def instead(question: str, not_used: Sequence[str], installation: Installation, moment: Moment) -> list[str]:
    """Questions that would be answered: the same without the words that were not understood, then examples."""
    plain = normal(question)
    for word in not_used:
        plain = re.sub(rf"(?<!\w)(?:(?:in|with|at|on|to|for|a|an|the) )*{re.escape(word)}(?!\w)", " ", plain)
    candidates = [" ".join(plain.split()).capitalize() + "?"] if 0 < len(not_used) < 4 else []
    found = [
        one for one in (*candidates, *_examples(installation)) if parse(one, installation, moment).plan is not None
    ]
    return list(dict.fromkeys(found))[:_MOST]


def _examples(installation: Installation) -> Iterator[str]:
    if installation.people_labels():
        yield "How many people came yesterday?"
    if installation.people:
        yield f"When was {installation.people[0].name} last seen?"
    yield "How many alerts were there this week?"
    for camera in installation.cameras[:1]:
        yield f"When was it busiest at camera {camera} yesterday?"
    for zone in list(installation.zones)[:1]:
        yield f"How long do tracks stay in zone {zone} on average?"
