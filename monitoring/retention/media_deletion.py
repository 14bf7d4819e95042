"""Deletes images and clips: by age, of each stream and kind; the oldest when there are too many bytes. One thread.

The images of a track with an alert stay as long as the alert, and go last when there is too much.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, or_, select

from monitoring.retention.steps import STEP, DeletionSteps, streams_in
from monitoring.store.media import Deleted
from monitoring.store.retention_policy import RetentionPolicy, kind_of_media
from monitoring.store.settings import CLIPS
from monitoring.store.tables import media
from monitoring.tracks.tables import tracks

_KINDS = ("crop", "picture", "clip")

OF_ALERT = or_(
    media.c.event_id.is_not(None),
    exists().where(
        tracks.c.session == media.c.session,
        tracks.c.track_id == media.c.track_id,
        tracks.c.stream_id == media.c.stream_id,
        tracks.c.alerts > 0,
    ),
)
"""Whether a file shows an alert: it is of its event, or of a track that has one."""


class MediaDeletion:
    """All methods raise DatabaseUnavailable."""

    def __init__(self, steps: DeletionSteps, policy: RetentionPolicy) -> None:
        self._steps = steps
        self._policy = policy

    def delete_before(self, before_ns: int) -> None:
        """Delete everything that is older."""
        self._delete(media.c.captured_at_ns < before_ns)

    def delete_expired(self, now_ns: int) -> None:
        """Delete what is kept for a shorter time than others."""
        with self._steps.database.read() as connection:
            streams = streams_in(connection, media.c.stream_id)
        for stream_id in streams:
            for kind in _KINDS:
                name = kind_of_media(kind)
                before_ns = now_ns - self._policy.kept_ns(name, stream_id)
                due = [media.c.stream_id == stream_id, media.c.captured_at_ns < before_ns]
                due.append(media.c.kind.not_in(("crop", "picture")) if name == CLIPS else media.c.kind == kind)
                if name != CLIPS:
                    alert_ns = now_ns - self._policy.evidence_ns(name, stream_id)
                    due.append(or_(media.c.captured_at_ns < alert_ns, ~OF_ALERT))
                self._delete(and_(*due))

    def shrink(self) -> None:
        """The oldest files go until the rest is small enough; those of alerts only when no others are left."""
        for condition in (~OF_ALERT, OF_ALERT):
            with self._steps.database.read() as connection:
                over = (connection.scalar(select(func.sum(media.c.bytes))) or 0) - self._policy.settings.media_bytes
            if over > 0:
                _Shrinking(over, condition).run(self._steps)

    def _delete(self, condition: ColumnElement[bool]) -> None:
        query = select(media.c.id, media.c.path).where(condition).order_by(media.c.captured_at_ns).limit(STEP)
        self._steps.run("media", lambda connection: _gone(connection, connection.execute(query).all()))


class _Shrinking:
    """Deletes the oldest files that meet a condition until `over` bytes are gone."""

    def __init__(self, over: int, condition: ColumnElement[bool]) -> None:
        self._over = over
        self._condition = condition
        self._from_ns = 0
        """Older ones do not meet the condition, or are gone: not looked at again."""

    def run(self, steps: DeletionSteps) -> None:
        """Raises DatabaseUnavailable."""
        steps.run("media", self._step)

    def _step(self, connection: Connection) -> Deleted:
        query = (
            select(media.c.id, media.c.path, media.c.captured_at_ns, media.c.bytes)
            .where(self._condition, media.c.captured_at_ns >= self._from_ns)
            .order_by(media.c.captured_at_ns)
            .limit(STEP)
        )
        chosen = []
        for row in connection.execute(query).all() if self._over > 0 else ():
            if self._over <= 0:
                break
            chosen.append(row)
            self._over -= row.bytes
            self._from_ns = row.captured_at_ns
        return _gone(connection, chosen)


def _gone(connection: Connection, rows: Sequence[Any]) -> Deleted:
    connection.execute(delete(media).where(media.c.id.in_([row.id for row in rows])))
    return Deleted(len(rows), [row.path for row in rows])
