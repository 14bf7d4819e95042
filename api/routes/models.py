"""GET /v1/models, promote and roll back. Runs on the event loop; a thread loads models."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.errors import Problem
from api.predict.model_list import ModelList, listed
from api.predict.promotion_jobs import PromotionStatus
from api.routes.context import Context
from stream.config import ModelName
from workers.access.declaration import MaySeeResults, Needs
from workers.access.guarded_route import GuardedRoute
from workers.registry.promotion import Promotion

router = APIRouter(tags=["models"], route_class=GuardedRoute)

_PROMOTES = Depends(Needs("models"))
_ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {"model": PromotionStatus, "description": "It is still loading; `Location` says where to look"},
    409: {"description": "The version cannot be put in service."},
}
_WAIT = re.compile(r"(?:^|[\s,;])wait=([0-9]{1,4})(?:$|[\s,;])")
PROMPT_S = 5.0
MOST_WAIT_S = 120.0

NamePath = Annotated[ModelName, Path(description="A model's name.", examples=["mask"])]


NodePath = Annotated[str, Path(description="A node's name.", max_length=200)]
Prefer = Annotated[str | None, Header(description="`wait=SECONDS`: how long to wait, at most 120.", max_length=200)]


class PromotionRequest(BaseModel):
    """The version to promote."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    version: int = Field(ge=1)


@router.get("/v1/models")
async def list_models(context: Context, principal: MaySeeResults) -> ModelList:
    """List every version of every model: its card, since when it is in service, on which nodes and cameras."""
    versions = await asyncio.to_thread(context.node.models.versions)
    loaded = context.node.models.loaded()
    seen = principal.scope("results")
    views = [view for view in context.directory.streams() if view.id in seen]
    nodes = context.cluster.board.nodes() if context.cluster is not None else []
    running = {node.node: node.models for node in nodes}
    if loaded:
        running[context.node.name] = {name: version for name, (version, _) in loaded.items()}
    return listed(versions, loaded, running, views)


@router.post("/v1/models/{name}/promote", dependencies=[_PROMOTES], responses=_ANSWERS)
async def promote_model(
    name: NamePath, request: PromotionRequest, context: Context, response: Response, prefer: Prefer = None
) -> Promotion | PromotionStatus:
    """Put a version in service, at once and at every later start.

    Answers when it is in service, or after five seconds with 202 and where to look: loading goes on. `Prefer: wait=60`
    waits longer. The service checks its files, loads it and runs it once first; if anything fails, the current version
    stays: 422 `model-damaged` (a file does not match its card), 503 `engine-unavailable` (it cannot be loaded or
    computes nonsense), 409 `promotion-refused`, 404 `model-unknown`.
    """
    work = partial(context.node.models.promotions.promote, name, request.version)
    return await _answered(context, response, _begun(context, name, "promote", request.version), work, prefer)


@router.post("/v1/models/{name}/rollback", dependencies=[_PROMOTES], responses=_ANSWERS)
async def roll_back_model(
    name: NamePath, context: Context, response: Response, prefer: Prefer = None
) -> Promotion | PromotionStatus:
    """Undo the last promotion; repeat to go back further. Answers, and fails, as promote does."""
    work = partial(context.node.models.promotions.rollback, name)
    return await _answered(context, response, _begun(context, name, "rollback", None), work, prefer)


@router.get("/v1/models/{name}/promotion/{node}", dependencies=[_PROMOTES])
async def get_promotion(name: NamePath, node: NodePath, context: Context) -> PromotionStatus:
    """How the newest promotion of a model fares that this node was asked for since its start."""
    found = context.promotions.status(name) if node == context.node.name else None
    if found is None:
        raise Problem("not-found", f"node {node} knows of no promotion of model {name} since its start")
    return found


def _begun(context: Context, name: str, action: Literal["promote", "rollback"], version: int | None) -> PromotionStatus:
    return PromotionStatus(
        name=name,
        node=context.node.name,
        action=action,
        version=version,
        state="running",
        started_at_ns=time.time_ns(),
    )


async def _answered(
    context: Context, response: Response, begun: PromotionStatus, work: Callable[[], Promotion], prefer: str | None
) -> Promotion | PromotionStatus:
    done = await context.promotions.run(begun, work, _wait_s(prefer))
    if done is not None:
        return done
    response.status_code = 202
    response.headers["location"] = f"/v1/models/{begun.name}/promotion/{quote(begun.node, safe='')}"
    return context.promotions.status(begun.name) or begun


def _wait_s(prefer: str | None) -> float:
    """RFC 7240, 4.3."""
    asked = _WAIT.search(prefer or "")
    return PROMPT_S if asked is None else min(float(asked[1]), MOST_WAIT_S)
