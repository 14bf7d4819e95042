"""How the monitor gathers and stores, and how long events and their files are kept. Pure."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from workers.access.principal import PATTERN, StreamScope
from workers.bus.event import Kind

TRACKS, CROPS, PICTURES, CLIPS = "tracks", "crops", "pictures", "clips"
EVENT_KINDS: tuple[str, ...] = get_args(Kind)
STORED_KINDS = (*EVENT_KINDS, TRACKS, CROPS, PICTURES, CLIPS)
"""What rules of retention name: the kinds of events, tracks as rows, and the images and clips beside them."""

ALWAYS_STORED = ("alert", "alert_ended", "stream_up", "stream_down")
"""Few, and others are told from them: alerts and their ends, and when a camera was down."""

_MOST_DAYS = 100_000
"""273 years: further back there is no time in nanoseconds that a database can hold."""


class RetentionRule(BaseModel):
    """What is not stored, or for how long, of some kinds on some streams.

    `kinds` are names, or patterns such as `zone_*`; read, they are the names that match.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    streams: tuple[Annotated[str, Field(pattern=PATTERN)], ...] = Field(
        default=("*",), min_length=1, max_length=1000, description="Ids of cameras, or patterns such as street-*."
    )
    kinds: tuple[str, ...] = Field(
        min_length=1,
        max_length=len(STORED_KINDS),
        description="Kinds of events, tracks, crops, pictures or clips; or patterns such as zone_*.",
    )
    store: bool = Field(default=True, description="False: not stored at all; rules, alerts and live views go on.")
    days: float | None = Field(
        default=None, gt=0, le=_MOST_DAYS, description="How long it is kept, in place of retention.days."
    )

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for kind in kinds:
            matching = [name for name in STORED_KINDS if name in StreamScope((kind,))]
            if not matching:
                raise ValueError(f"unknown kind {kind!r}; there are: {', '.join(STORED_KINDS)}")
            found |= dict.fromkeys(matching)
        return tuple(found)

    @model_validator(mode="after")
    def _says_one_thing(self) -> RetentionRule:
        if self.store == (self.days is None):
            raise ValueError("say either store: false or days")
        always = [kind for kind in self.kinds if kind in ALWAYS_STORED]
        if not self.store and always:
            raise ValueError(f"{always[0]} is always stored; leave it out of kinds, or give it days of its own")
        return self

    def matches(self, kind: str, stream_id: str) -> bool:
        """Whether it is about that kind on that stream."""
        return kind in self.kinds and stream_id in StreamScope(self.streams)


class RetentionSettings(BaseModel):
    """What is deleted when: rows and files together. Events go by whole hours, the oldest first.

    By age nothing is deleted while the clock cannot be trusted (monitoring/store/retention_clock.py).
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    days: float = Field(
        default=30.0, gt=0, le=_MOST_DAYS, description="Events, alerts, snapshots and clips older than this go."
    )
    rules: tuple[RetentionRule, ...] = Field(
        default=(), max_length=1000, description="What else holds by camera and kind; the first that matches decides."
    )
    events: int = Field(default=10_000_000, ge=1000, description="Most events kept.")
    media_bytes: int = Field(default=10 * 2**30, ge=2**20, description="Most bytes of snapshots and clips.")
    every_s: float = Field(default=300.0, gt=0, description="How often the database is checked for what is due.")


class IngestSettings(BaseModel):
    """The monitor's own; they stand directly under `monitoring`."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    gather_s: float = Field(default=0.25, gt=0, le=10, description="How long results gather for one transaction.")
    batch: int = Field(default=2000, ge=1, le=100_000, description="Most messages of one transaction.")
    queue_messages: int = Field(
        default=20_000, ge=10, description="In process: messages that may wait; beyond that the oldest go, counted."
    )
    begin: Literal["newest", "oldest"] = Field(
        default="newest", description="Where reading from Kafka begins when nothing has been read yet."
    )
    keep_s: float = Field(
        default=2.0, gt=0, le=60, description="How often states and offsets are stored while nothing happens."
    )
    tick_s: float = Field(default=1.0, gt=0, le=60, description="How often rules look at the clock.")
    states_s: float = Field(default=30.0, gt=0, description="How often states that may be lost are stored.")
