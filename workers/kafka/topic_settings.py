"""How Kafka's topics are made: how long they keep messages, which are compacted, their partitions. Pure."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

DAY_S = 24 * 3600.0


class TopicSettings(BaseModel):
    """One topic. Applies when it is created; a topic that exists is taken as it is."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    partitions: int | None = Field(default=None, ge=1, le=10_000, description="None: as topics.partitions.")
    cleanup: Literal["delete", "compact"] = "delete"
    retention_s: float | None = Field(default=None, gt=0, description="None: the broker's own; not for compact.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.cleanup == "compact" and self.retention_s is not None:
            raise ValueError("a compacted topic has no retention_s")
        return self


def _retained(days: float) -> TopicSettings:
    return TopicSettings(retention_s=days * DAY_S)


_COMPACTED = TopicSettings(cleanup="compact")


class TopicsSettings(BaseModel):
    """The topics, and whether they are created when missing."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    create: bool = Field(default=True, description="Create topics that are missing.")
    prefix: str = Field(default="livesight", pattern=r"^[A-Za-z0-9._-]{1,200}$", description="PREFIX.detections, …")
    partitions: int = Field(default=64, ge=1, le=10_000)
    replication_factor: int | None = Field(default=None, ge=1, le=100, description="None: the broker's own.")
    detections: TopicSettings = _retained(1)
    snapshots: TopicSettings = _retained(1)
    events: TopicSettings = _retained(30)
    streams: TopicSettings = _COMPACTED
    status: TopicSettings = _COMPACTED
    drift: TopicSettings = _retained(30)
    models: TopicSettings = _COMPACTED
    audit: TopicSettings = _retained(365)
    people: TopicSettings = _COMPACTED
