"""Query parameters that several routes share. Pure."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import TypeAdapter, ValidationError

from api.errors import Problem
from workers.card import ModelName

ModelsQuery = Annotated[
    list[str] | None, Query(alias="models", description="Names of models, repeated or separated by commas.")
]

_NAMES: TypeAdapter[tuple[ModelName, ...]] = TypeAdapter(tuple[ModelName, ...])
_MOST = 8


def model_names(query: list[str] | None) -> tuple[str, ...] | None:
    """The names in `?models=a,b&models=c`, each once; None for none. Raises Problem naming the field."""
    names = [name.strip() for part in query or () for name in part.split(",") if name.strip()]
    try:
        checked = _NAMES.validate_python(tuple(dict.fromkeys(names)))
    except ValidationError as error:
        raise Problem("invalid-request", f"models: {error.errors()[0]['msg']}") from error
    if len(checked) > _MOST:
        raise Problem("invalid-request", f"models: at most {_MOST} can be named")
    return checked or None
