"""Liveness, readiness and metrics. Runs on the event loop and calls nothing that could block."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field

from api.auth.mode_checks import insecure_reason
from api.routes.context import ApiContext, Context
from workers.access.declaration import CurrentPrincipal, Needs, Open
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import Principal, StreamScope

router = APIRouter(tags=["health"], route_class=GuardedRoute)

_STATUS_ONLY = Depends(Open("load balancers ask it; what is wrong is told only to who may see all results"))


class MetricsOf(Collector):
    """The registry, without the series of streams that are not in a scope."""

    def __init__(self, scope: StreamScope) -> None:
        self._scope = scope

    def collect(self) -> Iterator[Metric]:
        """In any thread."""
        for metric in REGISTRY.collect():
            if not self._scope.everything:
                metric.samples = [sample for sample in metric.samples if self._sees(sample.labels)]
            yield metric

    def _sees(self, labels: Mapping[str, str]) -> bool:
        return "stream" not in labels or labels["stream"] in self._scope


class Liveness(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """`degraded` still serves; `reasons` say what is wrong, to principals that may see the results of all streams."""

    status: Literal["ready", "degraded", "not ready"]
    reasons: list[str]
    notes: list[str] = Field(default=[], description="What an operator should know and is no fault; to the same.")


class Health(BaseModel):
    """Liveness and readiness in one. `node` is told to whom reasons are told."""

    live: Liveness
    ready: Readiness
    node: str | None


@router.get("/healthz", dependencies=[Depends(Open("whether the process answers; no data"))])
async def check_liveness() -> Liveness:
    """Whether the process answers at all."""
    return Liveness()


@router.get("/readyz", dependencies=[_STATUS_ONLY], responses={503: {"model": Readiness}})
async def check_readiness(context: Context, response: Response, principal: CurrentPrincipal) -> Readiness:
    """Whether models are loaded and results are published: 200 when ready or degraded, else 503."""
    readiness = _readiness(context)
    notes = [note for extension in context.extensions for note in extension.notes()]
    if readiness.status == "not ready":
        response.status_code = 503
    told = {"notes": notes} if _told(principal) else {"reasons": []}
    return readiness.model_copy(update=told)


@router.get("/health", dependencies=[_STATUS_ONLY], responses={503: {"model": Health}})
async def check_health(context: Context, response: Response, principal: CurrentPrincipal) -> Health:
    """Liveness and readiness in one; the status is that of /readyz."""
    ready = await check_readiness(context, response, principal)
    return Health(live=Liveness(), ready=ready, node=context.node.name if _told(principal) else None)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {CONTENT_TYPE_LATEST: {}}}},
)
async def get_metrics(principal: Annotated[Principal, Depends(Needs("metrics"))]) -> Response:
    """The metrics as Prometheus text; of the series that belong to a stream those that the principal may see."""
    shown = MetricsOf(principal.scope("metrics"))
    return Response(await asyncio.to_thread(generate_latest, shown), headers={"content-type": CONTENT_TYPE_LATEST})


def _told(principal: Principal) -> bool:
    """Whether the principal may know what is wrong: reasons name cameras and addresses."""
    return principal.scope("results").everything


def _readiness(context: ApiContext) -> Readiness:
    cluster = context.cluster.problems() if context.cluster is not None else []
    others = [reason for extension in context.extensions for reason in extension.problems()]
    access = [] if context.access is None else context.access.problems()
    access += [] if context.trail is None else context.trail.problems()
    if context.open_to_all:
        access = [insecure_reason(context.settings.host)]
    own = [*access, *context.node.problems(), *context.bus.problems(), *context.connections.problems()]
    reasons = list(dict.fromkeys([*own, *cluster, *others]))
    if "node" in context.roles and not context.node.ready:
        return Readiness(status="not ready", reasons=reasons or ["node: models are loading, or it is shutting down"])
    if "node" not in context.roles and context.cluster is not None and not context.cluster.caught_up:
        return Readiness(status="not ready", reasons=reasons or ["kafka: livesight.streams has not been read yet"])
    if "node" not in context.roles and not all(extension.ready for extension in context.extensions):
        return Readiness(status="not ready", reasons=reasons or ["database: not reached yet"])
    return Readiness(status="degraded" if reasons else "ready", reasons=reasons)
