"""No number that enters is NaN or infinite: every model of settings, bodies, messages and files refuses both."""

from __future__ import annotations

import importlib
import pkgutil
import typing
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

import api
import livesight
import monitoring
import stream
import workers

_PACKAGES = (stream, workers, api, monitoring)
_NOT_IMPORTED = ("workers.database.alembic.env",)  # runs only inside a migration
_ANSWERS = {"ExplanationView", "TestedTarget", "Commissioning", "RunView"}
"""Models that only leave: nobody sends them."""


def _subclasses(of: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in of.__subclasses__():
        yield one
        yield from _subclasses(one)


def _holds_float(annotation: typing.Any) -> bool:
    if annotation is float:
        return True
    inside = typing.get_args(annotation)
    return any(_holds_float(one) for one in inside)


def _models() -> list[type[BaseModel]]:
    for package in _PACKAGES:
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name not in _NOT_IMPORTED:
                importlib.import_module(found.name)
    assert livesight.Settings
    ours = {package.__name__ for package in _PACKAGES} | {"livesight"}
    found_models = {one for one in _subclasses(BaseModel) if one.__module__.split(".")[0] in ours}
    return sorted(found_models, key=lambda one: (one.__module__, one.__name__))


def test_no_model_takes_nan_or_infinity() -> None:
    """Walks all models there are, so that a new one cannot be forgotten."""
    with_floats = [one for one in _models() if any(_holds_float(info.annotation) for info in one.model_fields.values())]
    assert len(with_floats) > 40
    lax = [
        f"{one.__module__}.{one.__name__}"
        for one in with_floats
        if one.__name__ not in _ANSWERS and one.model_config.get("allow_inf_nan") is not False
    ]
    assert not lax, "these need ConfigDict(allow_inf_nan=False)"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_json_constants_are_no_numbers(number: str) -> None:
    """What the parser lets through, the models do not."""
    from monitoring.rules.rule import Rule
    from stream.config import StreamConfig
    from workers.bus.result import Attribute

    for model, text in (
        (Rule, f'{{"name": "r", "when": {{"type": "seen", "for_s": {number}}}}}'),
        (Rule, f'{{"name": "r", "when": {{"type": "count", "above": {number}}}}}'),
        (StreamConfig, f'{{"id": "a", "max_fps": {number}}}'),
        (Attribute, f'{{"label": "a", "confidence": {number}}}'),
    ):
        with pytest.raises(ValueError, match=r"finite|greater|less"):
            model.model_validate_json(text)
