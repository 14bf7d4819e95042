"""The models as `GET /v1/models` shows them: every version, and which nodes and cameras run it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, Field

from workers.label_words import LabelWords
from workers.model_card import ModelCard
from workers.node.models import KnownVersion
from workers.node.stream_view import StreamView


class Model(BaseModel):
    """One version of a model; `backend` is the engine that runs it, null while it is not in service."""

    name: str
    version: int
    in_service: bool = Field(description="Whether the node that answers has it loaded.")
    backend: str | None
    chosen: bool = Field(description="Whether a camera that names the model gets this version.")
    in_service_since_ns: int | None = Field(
        description="Wall clock of the promotion or rollback that chose it, on the node that answers; "
        "null where it came with the service, and for versions that are not chosen."
    )
    previous: int | None = Field(
        description="The version that a rollback would put in its place; null where there is none."
    )
    nodes: list[str] = Field(description="The nodes that have it loaded.")
    streams: list[str] = Field(description="The streams that run it, of those that the principal may see.")
    words: dict[str, LabelWords] = Field(
        description="What people call its labels: as its card says, else the words that are usual for such a label. "
        "A label that is absent has none; use the label itself."
    )
    card: ModelCard


class ModelList(BaseModel):
    """All versions of all models."""

    models: list[Model]


def listed(
    versions: Iterable[KnownVersion],
    loaded: Mapping[str, tuple[int, str]],
    running: Mapping[str, Mapping[str, int]],
    views: Iterable[StreamView],
) -> ModelList:
    """loaded: model → (version, backend) here; running: node → model → version; views: of the principal's streams."""
    versions = list(versions)
    chosen = {known.card.name: known.card.version for known in versions if known.chosen}
    streams: dict[tuple[str, int | None], list[str]] = {}
    for view in views:
        for name in view.models:
            version = running.get(view.node, {}).get(name, chosen.get(name))
            streams.setdefault((name, version), []).append(view.id)
    models = []
    for known in versions:
        name, version = known.card.name, known.card.version
        here, backend = loaded.get(name, (None, None))
        models.append(
            Model(
                name=name,
                version=version,
                in_service=here == version,
                backend=backend if here == version else None,
                chosen=known.chosen,
                in_service_since_ns=known.since_ns,
                previous=known.previous,
                nodes=sorted(node for node, has in running.items() if has.get(name) == version),
                streams=sorted(set(streams.get((name, version), []))),
                words=known.card.spoken_of(),
                card=known.card,
            )
        )
    return ModelList(models=models)
