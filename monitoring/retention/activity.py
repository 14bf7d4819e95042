"""How busy streams were in the last week, by what is kept of them for longest: a measure for what is not kept so long.

On a Sunday what is kept for a day would make a quiet week; what is kept for longer says how the week was. Blocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from monitoring.store.query import ALERTS
from monitoring.store.retention_policy import RetentionPolicy
from monitoring.store.tables import event_hours
from monitoring.store.writes import HOUR_NS

_MOST = 5.0
"""Times that a stretch may have been quieter, or busier, than the whole; more is chance."""


class Activity:
    """Counts by hour and stream; none where everything is kept for the same time."""

    def __init__(self, by_stream: Mapping[str, Mapping[int, int]]) -> None:
        self._by_stream = by_stream

    @classmethod
    def read(cls, connection: Connection, policy: RetentionPolicy, since_ns: int) -> Activity:
        """From then on. Reads every hour's counts, where rules tell kinds apart."""
        if not policy.has_rules:
            return cls({})
        columns = (event_hours.c.stream_id, event_hours.c.kind, event_hours.c.hour, event_hours.c.count)
        rows = connection.execute(select(*columns).where(event_hours.c.hour >= since_ns // HOUR_NS)).all()
        kinds: dict[str, set[str]] = defaultdict(set)
        for stream_id, kind, _, _ in rows:
            kinds[stream_id].add(kind)
        longest = {stream_id: _longest(policy, stream_id, sorted(found)) for stream_id, found in kinds.items()}
        found: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for stream_id, kind, hour, count in rows:
            if kind in longest[stream_id]:
                found[stream_id][hour] += count
        return cls(found)

    def factor(self, stream_id: str, since_ns: int, part_ns: int, now_ns: int) -> float:
        """How much busier the time since `since_ns` was than that since `part_ns`; 1 where that is not known."""
        hours = self._by_stream.get(stream_id)
        if hours is None or part_ns - since_ns < HOUR_NS:
            return 1.0
        whole, part = (_rate(hours, begin_ns, now_ns) for begin_ns in (since_ns, part_ns))
        return 1.0 if not (whole and part) else min(max(whole / part, 1 / _MOST), _MOST)


def _rate(hours: Mapping[int, int], begin_ns: int, now_ns: int) -> float:
    first = begin_ns // HOUR_NS
    return sum(count for hour, count in hours.items() if hour >= first) / max(now_ns - first * HOUR_NS, HOUR_NS)


def _longest(policy: RetentionPolicy, stream_id: str, kinds: Sequence[str]) -> set[str]:
    """Those of the kinds that are kept for longest, but for alerts."""
    kept = {kind: policy.kept_ns(kind, stream_id) for kind in kinds if kind not in ALERTS}
    return {kind for kind, kept_ns in kept.items() if kept_ns == max(kept.values())}
