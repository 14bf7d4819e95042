"""HTTP routes of drift. Run on the event loop; reports are in memory."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel

from monitoring.core.errors import DriftUnknown
from monitoring.drift.drift import Drift
from stream.config import StreamId
from workers.access.declaration import MaySeeEvents, Needs
from workers.access.guarded_route import GuardedRoute
from workers.bus.drift_report import DriftReport

StreamIdInPath = Annotated[StreamId, Path(description="The stream's id.")]


class DriftList(BaseModel):
    """The newest report of each stream and model, by stream and model."""

    drifted: bool
    reports: list[DriftReport]


class Commissioning(BaseModel):
    """The stream's reference is learnt anew, for `commission_s`."""

    stream_id: str
    commission_s: float


def drift_routes(drift: Drift, commission_s: float) -> APIRouter:
    """The routes of drift."""
    router = APIRouter(tags=["drift"], route_class=GuardedRoute)

    @router.get("/drift", deprecated=True, name="list_drift_alias")
    @router.get("/v1/drift")
    async def list_drift(
        principal: MaySeeEvents,
        stream: Annotated[StreamId | None, Query(description="Of this camera only.")] = None,
        model: Annotated[str | None, Query(max_length=63, description="Of this model only.")] = None,
    ) -> DriftList:
        """Whether cameras and models still see what they were made for, feature by feature."""
        scope = principal.scope("events")
        reports = [report for report in drift.reports(stream, model) if report.stream_id in scope]
        return DriftList(drifted=any(report.drifted for report in reports), reports=reports)

    @router.get("/v1/drift/{stream_id}")
    async def get_drift(principal: MaySeeEvents, stream_id: StreamIdInPath) -> DriftList:
        """The reports of one stream."""
        reports = drift.reports(stream_id)
        if not reports and not drift.knows(stream_id):
            raise DriftUnknown(f"there is no result of stream {stream_id} since monitoring started")
        return DriftList(drifted=any(report.drifted for report in reports), reports=reports)

    @router.post("/v1/drift/{stream_id}/commission", status_code=202, dependencies=[Depends(Needs("drift"))])
    async def commission_camera(stream_id: StreamIdInPath) -> Commissioning:
        """Learn the camera's reference anew, after it was moved on purpose or its surroundings changed."""
        if not drift.commission(stream_id):
            raise DriftUnknown(f"there is no result of stream {stream_id} since monitoring started")
        return Commissioning(stream_id=stream_id, commission_s=commission_s)

    return router
