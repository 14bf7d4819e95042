"""Liveness, readiness and metrics. Runs on the event loop and waits for nothing that could hang."""

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
    """`degraded` still serves; `reasons` say in words what is wrong."""

    status: Literal["ready", "degraded", "not ready"]
    reasons: list[str]


class Health(BaseModel):
    """Both in one."""

    live: Liveness
    ready: Readiness
    node: str


@router.get("/healthz")
async def healthz() -> Liveness:
    """Whether the process answers at all."""
    return Liveness()


@router.get("/readyz", responses={503: {"model": Readiness}})
async def readyz(parts: Context, response: Response) -> Readiness:
    """Whether models are loaded and results go out: 200 when ready or degraded, 503 when not."""
    readiness = _readiness(parts)
    if readiness.status == "not ready":
        response.status_code = 503
    return readiness


@router.get("/health", responses={503: {"model": Health}})
async def health(parts: Context, response: Response) -> Health:
    """Liveness and readiness in one; the status is that of /readyz."""
    return Health(live=Liveness(), ready=await readyz(parts, response), node=parts.node.name)


@router.get("/metrics", response_class=Response, responses={200: {"content": {CONTENT_TYPE_LATEST: {}}}})
async def metrics() -> Response:
    """The metrics as Prometheus text."""
    return Response(await asyncio.to_thread(generate_latest), headers={"content-type": CONTENT_TYPE_LATEST})


def _readiness(parts: ApiContext) -> Readiness:
    cluster = parts.cluster.problems() if parts.cluster is not None else []
    others = [reason for extension in parts.extensions for reason in extension.problems()]
    reasons = list(dict.fromkeys([*parts.node.problems(), *parts.bus.problems(), *cluster, *others]))
    if "node" in parts.roles and not parts.node.ready:
        return Readiness(status="not ready", reasons=reasons or ["the models are not loaded, or the node is stopping"])
    if "node" not in parts.roles and parts.cluster is not None and not parts.cluster.settled:
        return Readiness(status="not ready", reasons=reasons or ["the streams are not read from Kafka yet"])
    if "node" not in parts.roles and not all(extension.ready for extension in parts.extensions):
        return Readiness(status="not ready", reasons=reasons or ["the database has not been reached yet"])
    return Readiness(status="degraded" if reasons else "ready", reasons=reasons)
