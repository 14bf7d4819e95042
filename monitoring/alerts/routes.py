"""Alerts over HTTP: pages, acknowledging, deliveries, targets. Runs on the event loop.

The database is asked in the loop's executor.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy import RowMapping

from monitoring.alerts.errors import NoClip, NoPicture
from monitoring.alerts.service import Alerts
from monitoring.alerts.targets.notice import notice_json_schema
from monitoring.alerts.views import (
    Acknowledgement,
    AlertPage,
    AlertQuery,
    AlertView,
    DeliveryList,
    TargetList,
    TestedTarget,
    delivery_view,
    shown,
    target_view,
)
from monitoring.store.database import Database

_SOMEBODY = "local"
TargetInPath = Annotated[str, Path(max_length=63)]


def alert_routes(alerts: Alerts, database: Database) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["alerts"])
    _reading(router, alerts, _Views(alerts, database))
    _doing(router, alerts, _Views(alerts, database))
    return router


class _Views:
    """Alerts as JSON; blocks."""

    def __init__(self, alerts: Alerts, database: Database) -> None:
        self._alerts = alerts
        self._database = database

    def page(self, query: AlertQuery) -> dict[str, Any]:
        """A page."""
        rows, following = self._alerts.book.page(query.wanted(), query.limit, query.cursor)
        return {"alerts": self.of(rows), "next": following}

    def one(self, alert_id: uuid.UUID) -> dict[str, Any]:
        """Raises AlertUnknown."""
        return self.of([self._alerts.book.one(alert_id)])[0]

    def of(self, rows: list[RowMapping]) -> list[dict[str, Any]]:
        """Rows with their files and deliveries."""
        with self._database.read() as connection:
            found = shown(connection, rows)
        told = self._alerts.deliveries.of_alerts([row["id"] for row in rows])
        return [
            {**view, "deliveries": [delivery_view(one) for one in told[row["id"]]]}
            for row, view in zip(rows, found, strict=True)
        ]


def _reading(router: APIRouter, alerts: Alerts, views: _Views) -> None:
    @router.get("/v1/alerts", response_model=AlertPage)
    async def list_alerts(query: Annotated[AlertQuery, Query()]) -> JSONResponse:
        """Alerts, the newest first, a page at a time, with whom they were told."""
        return JSONResponse(await asyncio.to_thread(views.page, query))

    @router.get("/v1/alerts/targets")
    async def list_targets() -> TargetList:
        """Whom alerts are told, and how that goes. Where they are is a secret of the configuration."""
        return TargetList(targets=[target_view(lane) for lane in alerts.lanes()])

    @router.get("/v1/alerts/schema")
    async def get_schema() -> dict[str, Any]:
        """The JSON Schema of what webhooks and MQTT get."""
        return notice_json_schema()

    @router.get("/v1/alerts/{alert_id}", response_model=AlertView)
    async def get_alert(alert_id: uuid.UUID) -> JSONResponse:
        """One alert."""
        return JSONResponse(await asyncio.to_thread(views.one, alert_id))

    @router.get("/v1/alerts/{alert_id}/deliveries", response_model=DeliveryList)
    async def list_deliveries(alert_id: uuid.UUID) -> JSONResponse:
        """Whom it was to be told, and what came of it."""
        view = await asyncio.to_thread(views.one, alert_id)
        return JSONResponse({"deliveries": view["deliveries"]})

    @router.get("/v1/alerts/{alert_id}/clip", response_class=RedirectResponse, status_code=307)
    async def get_clip(alert_id: uuid.UUID) -> RedirectResponse:
        """To the clip around it: the address that targets are told, before there is one."""
        view = await asyncio.to_thread(views.one, alert_id)
        if view["clip_url"] is None:
            words = {
                "wanted": "it is still to be cut",
                "none": "its rule wants none",
                "kept": "it is not kept any more",
            }
            raise NoClip(f"alert {alert_id}: {view['clip_why'] or words.get(view['clip'], 'it could not be cut')}")
        return RedirectResponse(view["clip_url"], 307, {"cache-control": "no-store"})

    @router.get("/v1/alerts/{alert_id}/picture", response_class=RedirectResponse, status_code=307)
    async def get_picture(alert_id: uuid.UUID) -> RedirectResponse:
        """To the best picture of the track that it is about."""
        view = await asyncio.to_thread(views.one, alert_id)
        url = view["picture_url"] or view["snapshot_url"]
        if url is None:
            raise NoPicture(f"alert {alert_id}: no picture belongs to it")
        return RedirectResponse(url, 307, {"cache-control": "no-store"})


def _doing(router: APIRouter, alerts: Alerts, views: _Views) -> None:
    @router.post("/v1/alerts/test/{target}", responses={502: {"description": "it could not be told"}})
    async def test_target(target: TargetInPath) -> TestedTarget:
        """Tell a target, now and once, that this is a test."""
        return TestedTarget(target=target, took_ms=round(await alerts.test(target) * 1000, 1))

    @router.post("/v1/alerts/{alert_id}/acknowledge", response_model=AlertView)
    async def acknowledge(alert_id: uuid.UUID, body: Acknowledgement | None = None) -> JSONResponse:
        """Say that somebody has seen it. Who was first stays; a note replaces the one before."""
        said = body or Acknowledgement()
        row = await asyncio.to_thread(alerts.book.acknowledge, alert_id, said.by or _SOMEBODY, said.note)
        return JSONResponse((await asyncio.to_thread(views.of, [row]))[0])

    @router.delete("/v1/alerts/{alert_id}/acknowledge", response_model=AlertView)
    async def unacknowledge(alert_id: uuid.UUID) -> JSONResponse:
        """Take that back."""
        row = await asyncio.to_thread(alerts.book.unacknowledge, alert_id)
        return JSONResponse((await asyncio.to_thread(views.of, [row]))[0])

    @router.post("/v1/alerts/{alert_id}/deliveries/{target}/retry", response_model=DeliveryList)
    async def retry(alert_id: uuid.UUID, target: TargetInPath) -> JSONResponse:
        """Have what was given up told after all, before what waits."""
        await asyncio.to_thread(alerts.deliveries.take_up, alert_id, target)
        alerts.wake()
        view = await asyncio.to_thread(views.one, alert_id)
        return JSONResponse({"deliveries": view["deliveries"]})
