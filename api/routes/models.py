"""The models there are, and which versions are in service. Runs on the event loop; models are loaded in a thread."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from api.http.errors import Problem
from api.routes.context import Context
from workers.card import ModelCard, ModelName
from workers.errors import ModelUnknown
from workers.registry.promotion import Promotion

router = APIRouter(tags=["models"])

NamePath = Annotated[ModelName, Path(description="A model's name.", examples=["mask"])]


class Model(BaseModel):
    """One version of a model; `backend` is what runs it, null while it is not in service."""

    name: str
    version: int
    in_service: bool
    backend: str | None
    card: ModelCard


class ModelList(BaseModel):
    """All versions of all models."""

    models: list[Model]


class VersionWanted(BaseModel):
    """The version to put in service."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1)


@router.get("/v1/models")
async def list_models(parts: Context) -> ModelList:
    """Every version of every model, with its card, and whether it is in service."""
    cards = await asyncio.to_thread(parts.node.models)
    loaded = parts.node.loaded()
    return ModelList(models=[_shown(card, loaded.get(card.name)) for card in cards])


@router.post("/v1/models/{name}/promote")
async def promote(name: NamePath, wanted: VersionWanted, parts: Context) -> Promotion:
    """Put a version in service, here at once and at every start from now on.

    Answers when it is in service. Its files are checked, it is loaded and tried first; when anything is wrong with it,
    the version before goes on: 422 `model-damaged` (a file is not as its card says), 503 `engine-unavailable` (it
    cannot be loaded or computes nonsense), 409 `promotion-refused`, 404 `model-unknown`.
    """
    try:
        return await asyncio.to_thread(parts.node.promotions.promote, name, wanted.version)
    except ModelUnknown as error:
        raise Problem("model-unknown", str(error)) from error


@router.post("/v1/models/{name}/rollback")
async def rollback(name: NamePath, parts: Context) -> Promotion:
    """Put the version before the last promotion in service again; again to go back further. Fails as promote does."""
    try:
        return await asyncio.to_thread(parts.node.promotions.rollback, name)
    except ModelUnknown as error:
        raise Problem("model-unknown", str(error)) from error


def _shown(card: ModelCard, loaded: tuple[int, str] | None) -> Model:
    in_service = loaded is not None and loaded[0] == card.version
    backend = loaded[1] if loaded is not None and in_service else None
    return Model(name=card.name, version=card.version, in_service=in_service, backend=backend, card=card)
