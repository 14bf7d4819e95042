"""HTTP routes of alerts. Run on the event loop; database calls run in its executor."""

from __future__ import annotations

import asyncio
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy import RowMapping

from monitoring.alerts.alert_store import AlertFilter
from monitoring.alerts.errors import AlertClipUnavailable, AlertImageUnavailable
from monitoring.alerts.service import Alerts
from monitoring.alerts.targets.notice import notice_json_schema
from monitoring.alerts.views import (
    AcknowledgedCount,
    Acknowledgement,
    AlertPage,
    AlertQuery,
    AlertView,
    DeliveryList,
    ManyAcknowledged,
    TargetList,
    TestedTarget,
    alert_views,
    delivery_view,
    target_view,
)
from monitoring.core.known_people import NOBODY, KnownPeople, ToldNames, all_names
from monitoring.store.media_routes import Overlay
from workers.access.declaration import MaySeeEvents, MaySeePictures, Needs, check
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import Principal, StreamScope
from workers.access.roles import Action
from workers.database.database import Database

_WHO_CHARACTERS = 200
_WITHOUT_CLIP = {
    "wanted": "the clip is not cut yet",
    "none": "its rule wants no clip",
    "kept": "the clip has been deleted",
}
"""Why an alert has no clip, by the state of its clip."""

MayAcknowledge = Annotated[Principal, Depends(Needs("acknowledge"))]
MaySeeTargets = Annotated[Principal, Depends(Needs("targets"))]
TargetInPath = Annotated[str, Path(max_length=63, description="The target's name.")]
AlertInPath = Annotated[uuid.UUID, Path(description="The alert's id.")]


def alert_routes(alerts: Alerts, database: Database, people: KnownPeople = NOBODY) -> APIRouter:
    """All routes of alerts. people: whose names are told to who may see them."""
    router = APIRouter(tags=["alerts"], route_class=GuardedRoute)
    views = _Views(alerts, database, people)
    _add_reading(router, alerts, views)
    _add_files(router, views)
    _add_acknowledging(router, alerts, views)
    _add_sending(router, alerts, views)
    return router


class _Views:
    """Alerts as JSON, as a principal may see them. Blocks."""

    def __init__(self, alerts: Alerts, database: Database, people: KnownPeople) -> None:
        self._alerts = alerts
        self._database = database
        self._people = people

    def page(self, principal: Principal, query: AlertQuery) -> dict[str, Any]:
        """An AlertPage. Raises BadQuery."""
        filters = query.filters(principal.scope("events"), self.told(principal))
        rows, next_cursor = self._alerts.store.page(filters, query.limit, query.cursor)
        shown = self.of(principal, rows)
        return {"alerts": shown, "next": next_cursor, "names": all_names(shown)}

    def told(self, principal: Principal) -> ToldNames:
        """The names that the principal may be told."""
        return ToldNames.to(principal, self._people)

    def one(self, principal: Principal, alert_id: uuid.UUID, action: Action = "events") -> dict[str, Any]:
        """An AlertView. action: what is done with it. Raises AlertUnknown."""
        return self.of(principal, [self._alerts.store.one(alert_id, principal.scope(action))])[0]

    def may_acknowledge(self, principal: Principal, alert_id: uuid.UUID) -> None:
        """Raises AlertUnknown for an alert that the principal may not see, Forbidden for one that it may only see."""
        seen = StreamScope((*principal.scope("events").patterns, *principal.scope("acknowledge").patterns))
        check(principal, "acknowledge", self._alerts.store.one(alert_id, seen)["stream_id"])

    def of(self, principal: Principal, rows: list[RowMapping]) -> list[dict[str, Any]]:
        """AlertViews of rows, with their deliveries."""
        with self._database.read() as connection:
            found = alert_views(connection, rows, self.told(principal))
        deliveries = self._alerts.deliveries.of_alerts([row["id"] for row in rows])
        tells = principal.may("targets")
        return [
            {**view, "deliveries": [delivery_view(one, tells) for one in deliveries[row["id"]]]}
            for row, view in zip(rows, found, strict=True)
        ]


def _add_reading(router: APIRouter, alerts: Alerts, views: _Views) -> None:
    @router.get("/v1/alerts", response_model=AlertPage)
    async def list_alerts(principal: MaySeeEvents, query: Annotated[AlertQuery, Query()]) -> JSONResponse:
        """Alerts, newest first, a page at a time, with their deliveries."""
        return JSONResponse(await asyncio.to_thread(views.page, principal, query))

    @router.get("/v1/alerts/targets")
    async def list_alert_targets(principal: MaySeeTargets) -> TargetList:
        """The configured targets and their state. URLs and other secrets are not shown."""
        return TargetList(targets=[target_view(queue) for queue in alerts.queues()])

    @router.get("/v1/alerts/schema")
    async def get_alert_schema(principal: MaySeeEvents) -> dict[str, Any]:
        """The JSON Schema of the messages that webhooks and MQTT subscribers get."""
        return notice_json_schema()

    @router.get("/v1/alerts/{alert_id}", response_model=AlertView)
    async def get_alert(principal: MaySeeEvents, alert_id: AlertInPath) -> JSONResponse:
        """One alert."""
        return JSONResponse(await asyncio.to_thread(views.one, principal, alert_id))

    @router.get("/v1/alerts/{alert_id}/deliveries", response_model=DeliveryList)
    async def list_deliveries(principal: MaySeeEvents, alert_id: AlertInPath) -> JSONResponse:
        """The messages about an alert, one a target, and their outcome."""
        view = await asyncio.to_thread(views.one, principal, alert_id)
        return JSONResponse({"deliveries": view["deliveries"]})


def _add_files(router: APIRouter, views: _Views) -> None:
    @router.get("/v1/alerts/{alert_id}/clip", response_class=RedirectResponse, status_code=307)
    async def get_alert_clip(principal: MaySeePictures, alert_id: AlertInPath) -> RedirectResponse:
        """Redirect to the alert's clip. Messages link here before there is one."""
        view = await asyncio.to_thread(views.one, principal, alert_id, "pictures")
        if view["clip_url"] is None:
            why = view["clip_why"] or _WITHOUT_CLIP.get(view["clip"], "the clip could not be cut")
            raise AlertClipUnavailable(f"alert {alert_id}: {why}")
        return RedirectResponse(view["clip_url"], 307, {"cache-control": "no-store"})

    @router.get("/v1/alerts/{alert_id}/picture", response_class=RedirectResponse, status_code=307)
    async def get_alert_picture(
        principal: MaySeePictures, alert_id: AlertInPath, overlay: Overlay = False
    ) -> RedirectResponse:
        """Redirect to the best image of the track that the alert is about."""
        view = await asyncio.to_thread(views.one, principal, alert_id, "pictures")
        url = view["picture_url"] or view["snapshot_url"]
        if url is None:
            raise AlertImageUnavailable(f"alert {alert_id} has no image")
        return RedirectResponse(f"{url}?overlay=1" if overlay else url, 307, {"cache-control": "no-store"})


def _add_acknowledging(router: APIRouter, alerts: Alerts, views: _Views) -> None:
    @router.post("/v1/alerts/acknowledge")
    async def acknowledge_alerts(principal: MayAcknowledge, body: ManyAcknowledged) -> AcknowledgedCount:
        """Acknowledge many alerts: those of `ids`, or all that match `filter`; of the streams where you may only.

        The same request again changes nothing more. While it answers `more`, send it again.
        """
        scope, who = principal.scope("acknowledge"), _who(principal, body.by)
        asked, ids = body.filter, body.ids or ()
        which = AlertFilter(scope, ids=ids) if asked is None else asked.filters(scope, views.told(principal))
        count, more = await asyncio.to_thread(alerts.store.acknowledge_many, which, who, body.note)
        return AcknowledgedCount(acknowledged=count, more=more)

    @router.post("/v1/alerts/{alert_id}/acknowledge", response_model=AlertView)
    async def acknowledge_alert(
        principal: MayAcknowledge, alert_id: AlertInPath, body: Acknowledgement | None = None
    ) -> JSONResponse:
        """Acknowledge an alert. The first name stays; a note replaces the one before."""
        body = body or Acknowledgement()
        await asyncio.to_thread(views.may_acknowledge, principal, alert_id)
        row = await asyncio.to_thread(alerts.store.acknowledge, alert_id, _who(principal, body.by), body.note)
        return JSONResponse((await asyncio.to_thread(views.of, principal, [row]))[0])

    @router.delete("/v1/alerts/{alert_id}/acknowledge", response_model=AlertView)
    async def withdraw_acknowledgement(principal: MayAcknowledge, alert_id: AlertInPath) -> JSONResponse:
        """Withdraw the acknowledgement and its note."""
        await asyncio.to_thread(views.may_acknowledge, principal, alert_id)
        row = await asyncio.to_thread(alerts.store.unacknowledge, alert_id)
        return JSONResponse((await asyncio.to_thread(views.of, principal, [row]))[0])


def _add_sending(router: APIRouter, alerts: Alerts, views: _Views) -> None:
    @router.post("/v1/alerts/test/{target}", responses={502: {"description": "The target did not accept the message"}})
    async def test_alert_target(principal: MaySeeTargets, target: TargetInPath) -> TestedTarget:
        """Send a test message to a target, now and once."""
        return TestedTarget(target=target, took_ms=round(await alerts.test(target) * 1000, 1))

    @router.post(
        "/v1/alerts/{alert_id}/deliveries/{target}/retry",
        response_model=DeliveryList,
        responses={409: {"description": "No message for this target was given up."}},
    )
    async def retry_delivery(principal: MaySeeTargets, alert_id: AlertInPath, target: TargetInPath) -> JSONResponse:
        """Send given-up messages after all, before those that wait."""
        await asyncio.to_thread(alerts.deliveries.retry, alert_id, target)
        alerts.wake()
        view = await asyncio.to_thread(views.one, principal, alert_id)
        return JSONResponse({"deliveries": view["deliveries"]})


def _who(principal: Principal, name: str | None) -> str:
    """Who acknowledged: the principal's id, before it the name that it gave; where nobody signs in that name alone."""
    if principal.kind == "local":
        return name or principal.id
    return principal.id if name is None else f"{name[: _WHO_CHARACTERS - len(principal.id) - 3]} ({principal.id})"
