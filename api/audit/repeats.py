"""Equal facts within a minute become one entry with a count: a page that fetches a picture every second. Pure.

The first is an entry at once; those that follow within `WINDOW_S` are counted, and become a second entry at its end.
Only kinds that a client can repeat at will are: pictures, and refusals.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from api.audit.entry import AuditFact, What

WINDOW_S = 60.0
REPEATABLE: frozenset[What] = frozenset({"picture", "refused", "sign-in-failed"})
_MOST = 20_000


@dataclass(slots=True)
class _Repeat:
    began_s: float
    last: AuditFact
    count: int = 0


class Repeats:
    """Which facts are told now, and which are counted. Under its owner's lock."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._known: dict[Hashable, _Repeat] = {}  # oldest first

    def is_first(self, fact: AuditFact, now_s: float) -> bool:
        """Whether it is to be told now; else it is counted. Beyond a bound every fact is told."""
        if fact.what not in REPEATABLE:
            return True
        key = fact.model_copy(update={"at_ns": 0})  # whatever else they say is the same
        known = self._known.get(key)
        if known is None:
            if len(self._known) < _MOST:
                self._known[key] = _Repeat(now_s, fact)
            return True
        known.last, known.count = fact, known.count + 1
        return False

    def over(self, now_s: float, *, everything: bool = False) -> list[AuditFact]:
        """The facts whose window is over, with their counts; each is forgotten."""
        ended = []
        for key, known in list(self._known.items()):
            if not everything and now_s - known.began_s < self._window_s:
                break
            del self._known[key]
            if known.count:
                ended.append(known.last.model_copy(update={"count": known.count}))
        return ended
