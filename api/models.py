"""The models there are. Runs on the event loop; cards are read in a thread."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel

from api.parts import TheParts
from workers.card import ModelCard

router = APIRouter(tags=["models"])


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


@router.get("/v1/models")
async def list_models(parts: TheParts) -> ModelList:
    """Every version of every model, with its card, and whether it is in service."""
    cards = await asyncio.to_thread(parts.node.models)
    loaded = parts.node.loaded()
    return ModelList(models=[_shown(card, loaded.get(card.name)) for card in cards])


def _shown(card: ModelCard, loaded: tuple[int, str] | None) -> Model:
    in_service = loaded is not None and loaded[0] == card.version
    backend = loaded[1] if loaded is not None and in_service else None
    return Model(name=card.name, version=card.version, in_service=in_service, backend=backend, card=card)
