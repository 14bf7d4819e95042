"""Liveness, readiness and metrics. Runs on the event loop and calls nothing that could block."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from api.routes.context import ApiContext, Context

router = APIRouter(tags=["health"])


class Liveness(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """`degraded` still serves; `reasons` say what is wrong."""

    status: Literal["ready", "degraded", "not ready"]
    reasons: list[str]


class Health(BaseModel):
    """Liveness and readiness in one."""

    live: Liveness
    ready: Readiness
    node: str


@router.get("/healthz")
async def healthz() -> Liveness:
    """Whether the process answers at all."""
    return Liveness()


@router.get("/readyz", responses={503: {"model": Readiness}})
async def readyz(context: Context, response: Response) -> Readiness:
    """Whether models are loaded and results are published: 200 when ready or degraded, else 503."""
    readiness = _readiness(context)
    if readiness.status == "not ready":
        response.status_code = 503
    return readiness


@router.get("/health", responses={503: {"model": Health}})
async def health(context: Context, response: Response) -> Health:
    """Liveness and readiness in one; the status is that of /readyz."""
    return Health(live=Liveness(), ready=await readyz(context, response), node=context.node.name)


@router.get("/metrics", response_class=Response, responses={200: {"content": {CONTENT_TYPE_LATEST: {}}}})
async def metrics() -> Response:
    """The metrics as Prometheus text."""
    return Response(await asyncio.to_thread(generate_latest), headers={"content-type": CONTENT_TYPE_LATEST})


def _readiness(context: ApiContext) -> Readiness:
    cluster = context.cluster.problems() if context.cluster is not None else []
    others = [reason for extension in context.extensions for reason in extension.problems()]
    reasons = list(dict.fromkeys([*context.node.problems(), *context.bus.problems(), *cluster, *others]))
    if "node" in context.roles and not context.node.ready:
        return Readiness(status="not ready", reasons=reasons or ["node: models are loading, or it is shutting down"])
    if "node" not in context.roles and context.cluster is not None and not context.cluster.caught_up:
        return Readiness(status="not ready", reasons=reasons or ["kafka: livesight.streams has not been read yet"])
    if "node" not in context.roles and not all(extension.ready for extension in context.extensions):
        return Readiness(status="not ready", reasons=reasons or ["database: not reached yet"])
    return Readiness(status="degraded" if reasons else "ready", reasons=reasons)
