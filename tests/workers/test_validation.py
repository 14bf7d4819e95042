"""Pydantic's errors in plain words."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from workers.validation import first_reason


class _Zone(BaseModel):
    kind: Literal["zone"]


class _Line(BaseModel):
    kind: Literal["line"]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    port: int = Field(default=1, ge=1, le=65535)
    mode: Literal["auto", "off"] = "auto"
    names: tuple[str, ...] = Field(default=("a",), min_length=1)
    nested: dict[str, float] = {}
    at: datetime | None = None
    shape: Annotated[_Zone | _Line, Field(discriminator="kind")] = _Zone(kind="zone")

    @field_validator("mode")
    @classmethod
    def _not_off(cls, mode: str) -> str:
        if mode == "off":
            raise ValueError("off is not supported here")
        return mode


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"port": "eighty"}, "port: must be an integer"),
        ({"port": 0}, "port: must be at least 1"),
        ({"port": 70000}, "port: must be at most 65535"),
        ({"mode": "on"}, "mode: must be 'auto' or 'off'"),
        ({"mode": "off"}, "mode: off is not supported here"),
        ({"names": 3}, "names: must be a list"),
        ({"names": []}, "names: must not be empty"),
        ({"nested": {"a": "x"}}, "nested.a: must be a number"),
        ({"nested": 1}, "nested: must be an object of keys and values"),
        ({"at": "soon"}, "at: must be a date and time with its zone, such as 2026-11-30T08:00:00Z"),
        ({"shape": {"kind": "circle"}}, "shape: unknown kind 'circle'; there are: 'zone', 'line'"),
        ({"extra": 1}, "extra: unknown field"),
        (1, "settings: must be an object of keys and values"),
    ],
)
def test_errors_name_the_field_and_what_it_must_be(given: Any, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _Settings.model_validate(given)
    assert first_reason(caught.value, "settings") == told


def test_a_missing_field_and_text_that_is_not_json() -> None:
    with pytest.raises(ValidationError) as caught:
        _Zone.model_validate({})
    assert first_reason(caught.value, "zone") == "kind: is required"
    with pytest.raises(ValidationError) as caught:
        _Zone.model_validate_json("{")
    assert first_reason(caught.value, "zone").startswith("zone: not valid JSON: EOF while parsing")
