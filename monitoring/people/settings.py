"""Settings of the gallery of known people. Pure."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PeopleSettings(BaseModel):
    """`monitoring.people`: how much may be enrolled."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    max_people: int = Field(default=20_000, ge=0, le=100_000, description="Most people that may be enrolled.")
    max_looks: int = Field(default=100_000, ge=0, le=500_000, description="Most looks of all people together.")
    max_looks_of_person: int = Field(default=100, ge=1, le=1000, description="Most looks of one person.")
