"""Query parameters that several routes share. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request

from api.http.errors import Problem
from stream.config import MaxFps, StreamConfig
from workers.card import ModelName

ModelsQuery = Annotated[
    list[str] | None, Query(alias="models", description="Names of models, repeated or separated by commas.")
]


@dataclass(frozen=True, slots=True)
class PushOptions:
    """How a push asks to be looked at. `models` as they were sent."""

    models: list[str] | None = None
    blur: bool = False
    max_fps: float | None = None

    def config(self, stream_id: str) -> StreamConfig:
        """The stream's configuration. Raises Problem for names that are no models' names."""
        config = StreamConfig(id=stream_id, blur=self.blur, max_fps=self.max_fps)
        names = model_names(self.models)
        return config.model_copy(update={"models": names}) if names else config


def _push_wish(models: ModelsQuery = None, blur: bool = False, max_fps: MaxFps | None = None) -> PushOptions:
    return PushOptions(models, blur, max_fps)


PushQuery = Annotated[PushOptions, Depends(_push_wish)]


async def only_known(request: Request) -> None:
    """Dependency of a router: a query parameter that its route does not take is a mistake. Raises Problem.

    `model=` where a route takes `models=` would else ask another model than was meant, without a word.
    """
    taken = list(_query_names(request.scope["route"].dependant))
    if unknown := sorted(set(request.query_params) - set(taken)):
        raise Problem("invalid-request", f"{', '.join(unknown)}: no such query parameter; there are {', '.join(taken)}")


def _query_names(dependant: Any) -> Iterator[str]:
    """Of a route and of what it depends on (FastAPI's Dependant)."""
    yield from (field.alias for field in dependant.query_params)
    for other in dependant.dependencies:
        yield from _query_names(other)


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
