"""HTTP routes of the report and of training runs. Run on the event loop; what blocks runs in its executor."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import available_timezones

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field, field_validator

from monitoring.core.known_people import NOBODY, KnownPeople, ToldNames
from monitoring.report.mlflow import newest_runs
from monitoring.report.page import CONTENT_SECURITY_POLICY, render_report
from monitoring.report.period import period_of
from monitoring.report.read_report import read_report
from monitoring.report.report_data import ReportSubject, TrainingRuns
from monitoring.store.media import MediaStore
from workers.access.declaration import MaySeeEvents
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import Principal, StreamScope
from workers.database.database import Database
from workers.label_words import WordSource

_RUNS_OF_ALL = "Training runs belong to no camera: they are shown to those who may see all."


class ReportQuery(BaseModel):
    """The period, and the time zone of its days and hours."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    since: str = Field(default="7d", max_length=40, description="An age, such as 7d or 24h, or a date.")
    tz: str = Field(default="UTC", max_length=64, description="Such as Europe/Berlin.")

    @field_validator("tz")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"there is no time zone {name}")
        return name


class RunView(BaseModel):
    """A training run of MLflow."""

    name: str
    experiment: str
    status: str
    started_ms: int | None
    metrics: dict[str, float]
    url: str


class RunList(BaseModel):
    """The newest training runs. `why`: in words, when there are none."""

    runs: list[RunView]
    why: str | None


def report_routes(
    database: Database, media: MediaStore, mlflow_url: str | None, words: WordSource, people: KnownPeople = NOBODY
) -> APIRouter:
    """The routes of the report. words: of labels. people: whose names are told to who may see them."""
    router = APIRouter(tags=["report"], route_class=GuardedRoute)

    def runs_for(scope: StreamScope) -> TrainingRuns:
        return newest_runs(mlflow_url) if scope.everything else TrainingRuns(why=_RUNS_OF_ALL)

    def render(query: ReportQuery, principal: Principal) -> str:
        period, scope = period_of(query.since, datetime.now(UTC)), principal.scope("events")
        told = ToldNames.to(principal, people)
        subject = ReportSubject(period, query.tz, scope, principal.scope("pictures"), told)
        return render_report(read_report(database, media, subject, runs_for(scope)), words)

    @router.get("/v1/report", response_class=HTMLResponse)
    async def get_report(principal: MaySeeEvents, query: Annotated[ReportQuery, Query()]) -> HTMLResponse:
        """A report about a period: one HTML page without scripts that fetches nothing."""
        headers = {"content-security-policy": CONTENT_SECURITY_POLICY, "cache-control": "no-store"}
        return HTMLResponse(await asyncio.to_thread(render, query, principal), headers=headers)

    @router.get("/v1/report/runs")
    async def list_report_runs(principal: MaySeeEvents) -> RunList:
        """The newest training runs of the MLflow server at `monitoring.mlflow_url`."""
        found = await asyncio.to_thread(runs_for, principal.scope("events"))
        runs = [
            RunView(
                name=run.name,
                experiment=run.experiment,
                status=run.status,
                started_ms=run.started_ms,
                metrics=dict(run.metrics),
                url=run.url,
            )
            for run in found.runs
        ]
        return RunList(runs=runs, why=found.why)

    return router
