"""Path and query parameters that several routes share. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import TypeAdapter, ValidationError

from api.http.errors import Problem
from stream.config import STREAM_ID_PATTERN, MaxFps, ModelName, StreamConfig
from workers.validation import reason

StreamIdInPath = Annotated[str, Path(pattern=STREAM_ID_PATTERN, description="The stream's id.", examples=["entrance"])]

ModelsQuery = Annotated[
    list[str] | None, Query(alias="models", description="Model names, repeated or separated by commas.")
]


@dataclass(frozen=True, slots=True)
class PushOptions:
    """How to analyse a pushed stream. `models` as they were sent."""

    models: list[str] | None = None
    blur: bool = False
    max_fps: float | None = None
    identity: bool = False

    def config(self, stream_id: str) -> StreamConfig:
        """The stream's configuration. Raises Problem for invalid model names."""
        config = StreamConfig(id=stream_id, blur=self.blur, max_fps=self.max_fps, identity=self.identity)
        names = model_names(self.models)
        return config.model_copy(update={"models": names}) if names else config


def _push_options(
    models: ModelsQuery = None,
    blur: Annotated[bool, Query(description="Blur what the models find, before any image leaves the server.")] = False,
    max_fps: Annotated[MaxFps | None, Query(description="Analyse at most this many frames a second.")] = None,
    identity: Annotated[bool, Query(description="Say who is seen, of those who are enrolled.")] = False,
) -> PushOptions:
    return PushOptions(models, blur, max_fps, identity)


PushQuery = Annotated[PushOptions, Depends(_push_options)]


_NAMES: TypeAdapter[tuple[ModelName, ...]] = TypeAdapter(tuple[ModelName, ...])
_MAX_MODELS = 8


def model_names(query: list[str] | None) -> tuple[str, ...] | None:
    """The names in `?models=a,b&models=c` without duplicates; None for none. Raises Problem naming the field."""
    names = [name.strip() for part in query or () for name in part.split(",") if name.strip()]
    try:
        checked = _NAMES.validate_python(tuple(dict.fromkeys(names)))
    except ValidationError as error:
        raise Problem("invalid-request", f"models: {reason(error.errors()[0])}") from error
    if len(checked) > _MAX_MODELS:
        raise Problem("invalid-request", f"models: {len(checked)} names; at most {_MAX_MODELS} are allowed")
    return checked or None
