"""How fast the store fills, from what was stored in the last week, and what that leads to. Any thread; blocks.

A week, as streets are busy by the hour and by the day; of a camera that has been there for a shorter time, that time.
A camera that was silent for a day counts nothing. Of what is kept for less than a week the rate is that of its time,
times how much busier the week was than that (activity.py).
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from monitoring.retention.activity import Activity
from monitoring.retention.forecast import DiskForecast, Forecast, Share, disk_of, limit_of
from monitoring.retention.media_deletion import OF_ALERT
from monitoring.retention.steps import streams_in
from monitoring.store.query import ALERTS
from monitoring.store.retention_policy import RetentionPolicy, kind_of_media
from monitoring.store.settings import CLIPS, RetentionSettings
from monitoring.store.tables import event_hours, events, media
from monitoring.store.writes import DAY_NS, HOUR_NS
from workers.database.database import Database

_SPARED = (*ALERTS, CLIPS)
_IMAGES = ("crop", "picture")
_WINDOW_NS = 7 * DAY_NS
_LEAST_NS = 15 * 60 * 10**9
"""Of a camera that has been there for a shorter time nothing is said."""

_EVENT_BYTES = 1500
_ENOUGH_EVENTS = 10_000
"""With as many the database's own size says how large an event is, with its indexes and its track's row."""

_EVERY_S = 300.0
_COST = 0.01
"""Share of the time that measuring may take."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """Of one kind on one stream in the window: how much, and when the first and the last of it was (ns)."""

    kind: str
    amount: float
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class _Found:
    """By stream what was seen, and since when it has been there, as far as the limits left anything of it."""

    seen: Mapping[str, Sequence[_Seen]]
    begun: Mapping[str, int]
    activity: Activity


class Forecaster:
    """`forecast` measures anew when the last one is old; `last` is what it gave last, None before the first."""

    def __init__(
        self,
        database: Database,
        policy: RetentionPolicy,
        folder: Path,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        """folder: where images and clips are."""
        self._database = database
        self._policy = policy
        self._folder = folder
        self._free_bytes = free_bytes
        self._lock = threading.Lock()
        self._again_s = 0.0
        self.last: Forecast | None = None

    @property
    def settings(self) -> RetentionSettings:
        """What is kept for how long."""
        return self._policy.settings

    def forecast(self, now_ns: int) -> Forecast:
        """Of some minutes ago at the most. Raises DatabaseUnavailable."""
        with self._lock:
            began_s = time.monotonic()
            if self.last is None or began_s >= self._again_s:
                self.last = self.measure(now_ns)
                ended_s = time.monotonic()
                self._again_s = ended_s + max(_EVERY_S, (ended_s - began_s) / _COST)
            return self.last

    def measure(self, now_ns: int) -> Forecast:
        """Of now. Raises DatabaseUnavailable."""
        settings = self._policy.settings
        with self._database.read() as connection:
            activity = Activity.read(connection, self._policy, now_ns - _WINDOW_NS)
            event_shares = self._event_shares(connection, activity, now_ns)
            media_shares = self._media_shares(connection, activity, now_ns)
            stored = int(connection.scalar(select(func.sum(event_hours.c.count))) or 0)
            media_bytes = int(connection.scalar(select(func.sum(media.c.bytes))) or 0)
        limits = (
            limit_of("events", "events", settings.events, event_shares),
            limit_of("images and clips", "media_bytes", settings.media_bytes, media_shares),
        )
        found = tuple(limit for limit in limits if limit is not None)
        if not found:
            return Forecast(now_ns)
        reach_s = {limit.setting: limit.kept_s for limit in found}
        per_event, database_bytes = self._event_bytes(stored)
        in_bytes = [replace(share, per_s=share.per_s * per_event) for share in event_shares if per_event]
        left = [*_cut(in_bytes, reach_s.get("events")), *_cut(media_shares, reach_s.get("media_bytes"))]
        return Forecast(now_ns, found, self._disk(left, media_bytes + database_bytes))

    def _disk(self, shares: Sequence[Share], used_bytes: int) -> DiskForecast | None:
        try:
            folder = self._folder if self._folder.exists() else self._folder.parent  # it is made with the first image
            return disk_of(shares, self._free_bytes(folder), used_bytes)
        except OSError:
            return None

    def _event_bytes(self, stored: int) -> tuple[float, int]:
        """What an event takes on this machine's disk, and all of them: 0 where the database is another machine's."""
        if not self._database.is_sqlite:
            return 0.0, 0
        try:
            size = Path(self._database.url.database or "").stat().st_size
        except OSError:
            size = 0
        return (size / stored if stored >= _ENOUGH_EVENTS else _EVENT_BYTES), size

    def _event_shares(self, connection: Connection, activity: Activity, now_ns: int) -> list[Share]:
        hours = event_hours.c.hour
        query = select(
            event_hours.c.stream_id, event_hours.c.kind, func.sum(event_hours.c.count), func.min(hours), func.max(hours)
        ).where(hours > (now_ns - _WINDOW_NS) // HOUR_NS)
        rows = connection.execute(query.group_by(event_hours.c.stream_id, event_hours.c.kind)).all()
        begun = {}
        for stream_id, first in _first_hours(rows).items():
            since = (events.c.stream_id == stream_id, events.c.captured_at_ns >= first * HOUR_NS)
            begun[stream_id] = connection.scalar(select(func.min(events.c.captured_at_ns)).where(*since)) or now_ns
        seen: dict[str, list[_Seen]] = defaultdict(list)
        for stream_id, kind, count, first, last in rows:
            first_ns = max(first * HOUR_NS, begun.get(stream_id, 0))
            seen[stream_id].append(_Seen(kind, float(count), first_ns, (last + 1) * HOUR_NS))
        return self._shares(_Found(seen, begun, activity), now_ns)

    def _media_shares(self, connection: Connection, activity: Activity, now_ns: int) -> list[Share]:
        seen: dict[str, list[_Seen]] = defaultdict(list)
        begun: dict[str, int] = {}
        for stream_id in streams_in(connection, media.c.stream_id):
            firsts = {kind: _first_image(connection, stream_id, kind, now_ns - _WINDOW_NS) for kind in _IMAGES}
            found = [first_ns for first_ns in firsts.values() if first_ns is not None]
            if not found:
                continue
            begun[stream_id] = min(found)
            for name in (*_IMAGES, CLIPS):
                kind = kind_of_media(name)
                since_ns = max(begun[stream_id], self._since_ns(kind, stream_id, now_ns))
                if (one := _files(connection, stream_id, name, since_ns)) is not None:
                    seen[stream_id].append(one)
        return self._shares(_Found(seen, begun, activity), now_ns)

    def _since_ns(self, kind: str, stream_id: str, now_ns: int) -> int:
        """From when on the age that is set leaves everything, in the window."""
        kept_ns = self._policy.kept_ns(kind, stream_id)
        return max((now_ns - kept_ns) // HOUR_NS * HOUR_NS, now_ns - _WINDOW_NS)

    def _shares(self, found: _Found, now_ns: int) -> list[Share]:
        shares = []
        for stream_id, kinds in found.seen.items():
            began_ns = found.begun.get(stream_id, min(one.first_ns for one in kinds))
            if max(one.last_ns for one in kinds) < now_ns - DAY_NS or now_ns - began_ns < _LEAST_NS:
                continue
            for one in kinds:
                kept_ns = self._policy.kept_ns(one.kind, stream_id)
                if not kept_ns:
                    continue  # rows of before it was left out
                since_ns = min(began_ns, one.first_ns) if one.kind in ALERTS else began_ns
                since_ns = max(since_ns, self._since_ns(one.kind, stream_id, now_ns))
                span_s = max(now_ns - since_ns, _LEAST_NS) / 1e9
                age_s = (now_ns - one.first_ns) / 1e9
                factor = found.activity.factor(stream_id, began_ns, since_ns, now_ns)
                shares.append(Share(one.amount * factor / span_s, kept_ns / 1e9, age_s, one.kind in _SPARED))
        return shares


def _first_hours(rows: Sequence[Any]) -> dict[str, int]:
    """Of each stream the first hour in which there is more than alerts, which outlast what the limits delete."""
    found: dict[str, int] = {}
    for stream_id, kind, _, first, _ in rows:
        if kind not in ALERTS:
            found[stream_id] = min(first, found.get(stream_id, first))
    return found


def _first_image(connection: Connection, stream_id: str, kind: str, since_ns: int) -> int | None:
    """When the oldest of a stream is that shows no alert: these outlast what the limits delete."""
    same = (media.c.stream_id == stream_id, media.c.kind == kind, media.c.captured_at_ns >= since_ns, ~OF_ALERT)
    query = select(media.c.captured_at_ns).where(*same).order_by(media.c.captured_at_ns).limit(1)
    return connection.scalar(query)


def _files(connection: Connection, stream_id: str, name: str, since_ns: int) -> _Seen | None:
    """The bytes of a stream's crops, pictures or clips since then; None without any."""
    kind = media.c.kind == name if name in _IMAGES else media.c.kind.not_in(_IMAGES)
    time_ns = media.c.captured_at_ns
    query = select(func.sum(media.c.bytes), func.min(time_ns), func.max(time_ns))
    size, first_ns, last_ns = connection.execute(
        query.where(media.c.stream_id == stream_id, kind, time_ns >= since_ns)
    ).one()
    return None if size is None else _Seen(kind_of_media(name), float(size), first_ns, last_ns)


def _cut(shares: Sequence[Share], reach_s: float | None) -> list[Share]:
    """As a limit leaves them."""
    if reach_s is None:
        return list(shares)
    return [share if share.is_spared else replace(share, kept_s=min(share.kept_s, reach_s)) for share in shares]
