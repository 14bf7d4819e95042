"""A problem's title belongs to its type (RFC 9457): the same, whichever package raises it."""

from __future__ import annotations

from collections import defaultdict

import monitoring.alerts.errors
import monitoring.core.errors
import monitoring.store.checkpoints
import workers.errors
from api.http.errors import KINDS


def kinds(base: type[Exception]) -> set[tuple[str, int, str]]:
    """(type, status, title) of an error class and of those below it."""
    own = {base.problem} if isinstance(getattr(base, "problem", None), tuple) else set()
    return own.union(*(kinds(one) for one in base.__subclasses__()))


def test_a_type_has_one_status_and_title() -> None:
    found: dict[str, set[tuple[int, str]]] = defaultdict(set)
    for name, (status, title) in KINDS.items():
        found[name].add((status, title))
    for name, status, title in kinds(workers.errors.WorkerError) | kinds(monitoring.core.errors.MonitoringError):
        found[name].add((status, title))
    assert len(found) > 30
    assert {name: titles for name, titles in found.items() if len(titles) > 1} == {}
