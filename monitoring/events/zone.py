"""Zones and lines of a stream, as in the configuration and the API. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from stream.config import StreamId

Relative = Annotated[float, Field(ge=0, le=1)]
Point = tuple[Relative, Relative]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$")]
Label = Annotated[str, Field(min_length=1, max_length=100)]
Labels = Annotated[tuple[Label, ...], Field(max_length=64)]
LONGEST_S = 7 * 86400.0
"""No time that zones and rules wait for is longer: a week."""


class Zone(BaseModel):
    """A polygon, in shares of the frame's width and height. A box is inside when its anchor is."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    name: Name
    polygon: tuple[Point, ...] = Field(min_length=3, max_length=64)
    labels: Labels = Field(default=(), description="Only these; empty: all.")
    anchor: Literal["foot", "centre"] = "foot"
    stay_s: float | None = Field(
        default=None, ge=0.01, le=LONGEST_S, description="zone_stayed when a track is inside for longer."
    )

    @field_validator("polygon")
    @classmethod
    def _has_an_inside(cls, polygon: tuple[Point, ...]) -> tuple[Point, ...]:
        (x0, y0), distinct = polygon[0], set(polygon)
        if all(abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)) < 1e-9 for x1, y1 in distinct for x2, y2 in distinct):
            raise ValueError("polygon: all points are on one line, so it has no inside")
        return polygon


class Line(BaseModel):
    """A line from `start` to `end`; crossing it to the right of that direction, with y growing downwards, is `in`."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    name: Name
    start: Point
    end: Point
    labels: Labels = ()
    anchor: Literal["foot", "centre"] = "foot"

    @model_validator(mode="after")
    def _has_a_direction(self) -> Line:
        if self.start == self.end:
            raise ValueError("line: start and end must differ")
        return self


class Scene(BaseModel):
    """The zones and lines of one stream. Names are unique among both."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    stream_id: StreamId
    zones: tuple[Zone, ...] = Field(default=(), max_length=64)
    lines: tuple[Line, ...] = Field(default=(), max_length=64)

    @model_validator(mode="after")
    def _unique_names(self) -> Scene:
        names = [*(zone.name for zone in self.zones), *(line.name for line in self.lines)]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two zones or lines are called {name}")
        return self
