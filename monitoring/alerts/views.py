"""Alerts, deliveries and targets as JSON. Pure, except `alert_views`, which reads the database."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import Connection, RowMapping

from monitoring.alerts.alert_store import MOST_AT_ONCE, AlertFilter, AlertState
from monitoring.alerts.deliveries import Delivery
from monitoring.alerts.target_queue import TargetQueue
from monitoring.core.known_people import ToldNames
from monitoring.store.media import of_events, of_tracks, track_of
from monitoring.store.query import A_PERSON, Moment, time_ns
from stream.config import StreamId
from workers.access.principal import StreamScope
from workers.bus.event import Event, Severity

_UNTOLD = "the target did not take the message; whoever may see targets is told why"

ClipState = Literal["none", "wanted", "kept", "failed"]


class DeliveryView(BaseModel):
    """One message for one target. `kind`: the alert, or its end."""

    target: str
    kind: Literal["alert", "alert_ended"]
    state: Literal["waiting", "delivered", "given_up"]
    attempts: int
    created_at_ns: int
    changed_at_ns: int
    next_at_ns: int | None = Field(
        description="When a waiting message is tried next; 0: once it is first in the queue."
    )
    error: str | None = Field(description="Why the last try failed; what the target said is told to admins only.")


class AlertView(Event):
    """An alert: its event, its state, and URLs of its files; null where there are none."""

    ended_at_ns: int | None
    acknowledged_at_ns: int | None
    acknowledged_by: str | None
    note: str | None
    clip: ClipState = Field(description="none: its rule wants no clip, or it was deleted; wanted: it is not cut yet.")
    clip_why: str | None = Field(description="Why there is no clip.")
    snapshot_url: str | None
    picture_url: str | None
    clip_url: str | None
    deliveries: list[DeliveryView]
    names: dict[str, str] = Field(default={}, description="Id → name of those it is about, for who may see names.")


class AlertPage(BaseModel):
    """A page of alerts, the newest first. `next`: the cursor of the page that follows, null at the end."""

    alerts: list[AlertView]
    next: str | None
    names: dict[str, str] = Field(description="Id → name of all of them, for who may see names.")


class DeliveryList(BaseModel):
    """The messages about an alert, in order."""

    deliveries: list[DeliveryView]


class TargetView(BaseModel):
    """A target and its state. `error`: why deliveries fail now, since `failing_since_ns`."""

    name: str
    type: Literal["webhook", "mqtt", "apprise"]
    severity: Severity
    ended: bool
    waiting: int
    oldest_waiting_ns: int | None
    given_up: int
    error: str | None
    failing_since_ns: int | None
    delivered_at_ns: int | None = Field(description="The last successful delivery since this service started.")


class TargetList(BaseModel):
    """All targets, as configured."""

    targets: list[TargetView]


class TestedTarget(BaseModel):
    """The test message was delivered."""

    target: str
    took_ms: float


class AlertFilters(BaseModel):
    """Which alerts. Of a field with several values any will do; different fields must all match."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    since: Moment | None = Field(default=None, description="From this time on; UTC unless it has an offset.")
    until: Moment | None = Field(default=None, description="Before this time.")
    stream: list[StreamId] = Field(default=[], max_length=64, description="Of these cameras.")
    rule: list[str] = Field(default=[], max_length=32, description="Raised by these rules.")
    severity: list[Severity] = Field(default=[], max_length=3, description="Of these severities.")
    person: list[str] = Field(default=[], max_length=32, description=f"About somebody: {A_PERSON}")
    state: AlertState | None = Field(default=None, description="Open or ended, seen (acknowledged) or not.")

    def filters(self, scope: StreamScope, told: ToldNames) -> AlertFilter:
        """As AlertStore takes them. told: to whoever asks. Raises BadQuery."""
        return AlertFilter(
            scope=scope,
            streams=self.stream,
            rules=self.rule,
            severities=self.severity,
            people=told.asked(self.person),
            state=self.state,
            since_ns=None if self.since is None else time_ns(self.since),
            until_ns=None if self.until is None else time_ns(self.until),
        )


class AlertQuery(AlertFilters):
    """One page of alerts."""

    cursor: str | None = Field(default=None, max_length=200, description="`next` of the page before.")
    limit: int = Field(default=50, ge=1, le=500, description="How many alerts at most.")


class Acknowledgement(BaseModel):
    """Who acknowledges an alert, with a note."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    by: str | None = Field(default=None, min_length=1, max_length=200)
    note: str | None = Field(default=None, max_length=4000)


class ManyAcknowledged(Acknowledgement):
    """Acknowledges alerts that nobody has acknowledged: those of `ids`, or all that match `filter`."""

    ids: list[uuid.UUID] | None = Field(default=None, min_length=1, max_length=MOST_AT_ONCE)
    filter: AlertFilters | None = Field(default=None, description="As `GET /v1/alerts` takes it; {}: all.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("say which alerts: either ids, or a filter ({} for all)")
        return self


class AcknowledgedCount(BaseModel):
    """How many alerts were acknowledged by this request: not those that were already, or are not there."""

    acknowledged: int
    more: bool = Field(description=f"More match than the {MOST_AT_ONCE} of one request: send it again.")


def alert_views(connection: Connection, rows: Sequence[RowMapping], told: ToldNames) -> list[dict[str, Any]]:
    """AlertViews without their deliveries, JSON-ready. An alert has the images of its track. told: to whoever asks."""
    events = [told.event(json.loads(row["body"])) for row in rows]
    tracks = {track_of(event) for event in events if event["track_id"] is not None}
    files = {(*track_of(one), one["kind"]): one["id"] for one in of_tracks(connection, tracks)}
    clips = {one["event_id"]: one["id"] for one in of_events(connection, [row["id"] for row in rows])}
    return [_alert_view(row, event, files, clips.get(row["id"])) for row, event in zip(rows, events, strict=True)]


def _alert_view(row: RowMapping, event: dict[str, Any], files: Mapping[Any, int], clip: int | None) -> dict[str, Any]:
    crop, image = (files.get((*track_of(event), kind)) for kind in ("crop", "picture"))
    columns = ("ended_at_ns", "acknowledged_at_ns", "acknowledged_by", "note", "clip", "clip_why")
    return {
        **event,
        **{name: row[name] for name in columns},
        "snapshot_url": None if crop is None else f"/v1/snapshots/{crop}",
        "picture_url": None if image is None else f"/v1/snapshots/{image}",
        "clip_url": None if clip is None else f"/v1/clips/{clip}",
    }


def delivery_view(delivery: Delivery, tells_errors: bool) -> dict[str, Any]:
    """A DeliveryView, JSON-ready. tells_errors: with what the target said, which may name its address."""
    return {
        "target": delivery.target,
        "kind": delivery.kind,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "created_at_ns": delivery.created_ns,
        "changed_at_ns": delivery.changed_ns,
        "next_at_ns": delivery.next_ns if delivery.state == "waiting" else None,
        "error": delivery.error if tells_errors or delivery.error is None else _UNTOLD,
    }


def target_view(queue: TargetQueue) -> TargetView:
    """A target and its state now."""
    return TargetView(
        name=queue.name,
        type=queue.settings.type,
        severity=queue.settings.severity,
        ended=queue.settings.ended,
        waiting=queue.backlog.waiting,
        oldest_waiting_ns=queue.backlog.oldest_ns,
        given_up=queue.backlog.given_up,
        error=queue.error,
        failing_since_ns=queue.failing_since_ns,
        delivered_at_ns=queue.delivered_ns,
    )
