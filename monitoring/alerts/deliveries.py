"""The queue of messages for targets, in the database. Any thread; blocks."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import RowMapping, func, select, update

from monitoring.alerts.errors import DeliveryUnknown, NotGivenUp
from monitoring.alerts.tables import deliveries
from monitoring.alerts.targets.notice import NoticeKind
from workers.bus.event import Event
from workers.database.database import Database


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one target; times are wall clocks in nanoseconds."""

    seq: int
    notice_id: uuid.UUID
    alert_id: uuid.UUID
    target: str
    kind: NoticeKind
    state: str
    attempts: int
    created_ns: int
    next_ns: int
    changed_ns: int
    error: str | None
    body: str

    @property
    def event(self) -> Event:
        """The event that is sent."""
        return Event.model_validate_json(self.body)


@dataclass(frozen=True, slots=True)
class DeliveryBacklog:
    """Undelivered messages of one target: how many are `waiting`, the oldest since `oldest_ns`, and are `given_up`."""

    waiting: int = 0
    oldest_ns: int | None = None
    given_up: int = 0


class Deliveries:
    """All methods raise DatabaseUnavailable when the database is unreachable; nothing has changed then."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def first(self, target: str) -> Delivery | None:
        """The target's next message."""
        waiting = (deliveries.c.target == target) & (deliveries.c.state == "waiting")
        with self._database.read() as connection:
            found = connection.execute(select(deliveries).where(waiting).order_by(deliveries.c.seq).limit(1))
            row = found.mappings().first()
        return None if row is None else _delivery(row)

    def delivered(self, delivery: Delivery) -> None:
        """Mark a message as delivered."""
        self._change(delivery, state="delivered", attempts=delivery.attempts + 1, error=None)

    def failed(self, delivery: Delivery, next_ns: int, why: str) -> None:
        """Note a failed try; the next is due at `next_ns`."""
        self._change(delivery, attempts=delivery.attempts + 1, next_ns=next_ns, error=why)

    def give_up(self, delivery: Delivery, why: str) -> None:
        """Give a message up after this try."""
        self._change(delivery, state="given_up", attempts=delivery.attempts + 1, error=why)

    def give_up_older(self, target: str, before_ns: int, why: str) -> int:
        """Give up the target's messages created before then; returns how many."""
        where = (deliveries.c.target == target) & (deliveries.c.created_ns < before_ns)
        return self._give_up_where(where, why)

    def give_up_except(self, targets: Collection[str]) -> int:
        """Give up messages for all other targets; returns how many."""
        return self._give_up_where(deliveries.c.target.not_in(targets), "the target is no longer configured")

    def retry(self, alert_id: uuid.UUID, target: str) -> int:
        """Queue an alert's given-up messages again, in their old place before newer ones; returns how many.

        Raises DeliveryUnknown and NotGivenUp.
        """
        ours = (deliveries.c.alert_id == alert_id) & (deliveries.c.target == target)
        now_ns = time.time_ns()
        fresh = {"state": "waiting", "next_ns": 0, "created_ns": now_ns, "changed_ns": now_ns}
        with self._database.write() as connection:
            changed = connection.execute(update(deliveries).where(ours, deliveries.c.state == "given_up").values(fresh))
            if changed.rowcount:
                return changed.rowcount
            if connection.execute(select(deliveries.c.seq).where(ours).limit(1)).first() is None:
                raise DeliveryUnknown(f"alert {alert_id} was never meant for target {target}")
        raise NotGivenUp(f"alert {alert_id} is not given up for target {target}: it is delivered, or still being tried")

    def of_alerts(self, alert_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Delivery]]:
        """Every delivery of these alerts, by alert, in order."""
        found: dict[uuid.UUID, list[Delivery]] = {alert_id: [] for alert_id in alert_ids}
        if found:
            query = select(deliveries).where(deliveries.c.alert_id.in_(found)).order_by(deliveries.c.seq)
            with self._database.read() as connection:
                for row in connection.execute(query).mappings():
                    found[row["alert_id"]].append(_delivery(row))
        return found

    def backlogs(self, targets: Collection[str]) -> dict[str, DeliveryBacklog]:
        """By target; targets without undelivered messages are left out."""
        columns = (deliveries.c.target, deliveries.c.state)
        query = (
            select(*columns, func.count(), func.min(deliveries.c.created_ns))
            .where(deliveries.c.target.in_(targets), deliveries.c.state.in_(("waiting", "given_up")))
            .group_by(*columns)
        )
        found: dict[str, DeliveryBacklog] = {}
        with self._database.read() as connection:
            for target, state, count, oldest_ns in connection.execute(query):
                known = found.get(target, DeliveryBacklog())
                if state == "waiting":
                    found[target] = replace(known, waiting=count, oldest_ns=oldest_ns)
                else:
                    found[target] = replace(known, given_up=count)
        return found

    def _change(self, delivery: Delivery, **values: object) -> None:
        changes = {**values, "changed_ns": time.time_ns()}
        with self._database.write() as connection:
            connection.execute(update(deliveries).where(deliveries.c.seq == delivery.seq).values(changes))

    def _give_up_where(self, where: object, why: str) -> int:
        changes = {"state": "given_up", "error": why, "changed_ns": time.time_ns()}
        with self._database.write() as connection:
            query = update(deliveries).where(where, deliveries.c.state == "waiting").values(changes)  # type: ignore[arg-type]
            return connection.execute(query).rowcount


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(**row)
