"""GET /v1/models, promote and roll back. Runs on the event loop; a thread loads models."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from api.http.errors import Problem
from api.routes.context import Context
from stream.config import ModelName
from workers.access.declaration import Needs
from workers.access.guarded_route import GuardedRoute
from workers.errors import ModelUnknown
from workers.model_card import ModelCard
from workers.registry.promotion import Promotion

router = APIRouter(tags=["models"], route_class=GuardedRoute)

_PROMOTES = Depends(Needs("models"))
_REFUSED: dict[int | str, dict[str, Any]] = {409: {"description": "The version cannot be put in service."}}

NamePath = Annotated[ModelName, Path(description="A model's name.", examples=["mask"])]


class Model(BaseModel):
    """One version of a model; `backend` is the engine that runs it, null while it is not in service."""

    name: str
    version: int
    in_service: bool
    backend: str | None
    card: ModelCard


class ModelList(BaseModel):
    """All versions of all models."""

    models: list[Model]


class PromotionRequest(BaseModel):
    """The version to promote."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    version: int = Field(ge=1)


@router.get("/v1/models", dependencies=[Depends(Needs("results"))])
async def list_models(context: Context) -> ModelList:
    """List every version of every model, with its card and whether it is in service."""
    cards = await asyncio.to_thread(context.node.models.cards)
    loaded = context.node.models.loaded()
    return ModelList(models=[_shown(card, loaded.get(card.name)) for card in cards])


@router.post("/v1/models/{name}/promote", dependencies=[_PROMOTES], responses=_REFUSED)
async def promote(name: NamePath, request: PromotionRequest, context: Context) -> Promotion:
    """Put a version in service, at once and at every later start.

    Answers when it is in service. The service checks its files, loads it and runs it once first; if anything fails, the
    current version stays: 422 `model-damaged` (a file does not match its card), 503 `engine-unavailable` (it cannot be
    loaded or computes nonsense), 409 `promotion-refused`, 404 `model-unknown`.
    """
    try:
        return await asyncio.to_thread(context.node.models.promotions.promote, name, request.version)
    except ModelUnknown as error:
        raise Problem("model-unknown", str(error)) from error


@router.post("/v1/models/{name}/rollback", dependencies=[_PROMOTES], responses=_REFUSED)
async def rollback(name: NamePath, context: Context) -> Promotion:
    """Undo the last promotion; repeat to go back further. Fails as promote does."""
    try:
        return await asyncio.to_thread(context.node.models.promotions.rollback, name)
    except ModelUnknown as error:
        raise Problem("model-unknown", str(error)) from error


def _shown(card: ModelCard, loaded: tuple[int, str] | None) -> Model:
    in_service = loaded is not None and loaded[0] == card.version
    backend = loaded[1] if loaded is not None and in_service else None
    return Model(name=card.name, version=card.version, in_service=in_service, backend=backend, card=card)
