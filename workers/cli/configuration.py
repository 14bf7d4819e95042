"""Settings from environment variables and YAML, and their errors in words. Looks at the disk."""

from __future__ import annotations

import difflib
import json
import os
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stream.url_redaction import redact
from workers.errors import SettingsError
from workers.validation import reason

PREFIX = "LIVESIGHT_"
# What Kubernetes injects for Services called livesight, livesight-node and so on
_INJECTED = re.compile(
    r"LIVESIGHT_(?:[A-Z0-9]+_)*(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?)"
)
_INJECTED_PORT = re.compile(r"LIVESIGHT_(?:[A-Z0-9]+_)*PORT")
_MAX_LISTED = 20
_SECRET = re.compile(r"password|secret|token|keys?$", re.I)


def default_state_dir() -> Path:
    """Where the XDG convention puts state."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "livesight"


def read_environment(
    model: type[BaseModel], environ: Mapping[str, str], other: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The `LIVESIGHT_` variables as a nested dict for `model`; `__` goes a level down, empty ones count as unset.

    Lists may be written `a,b` or as JSON, whole models as JSON. `other`: variables that are known but no settings.
    Raises SettingsError naming every variable that is none of the model's.
    """
    found: dict[str, Any] = {}
    unknown: list[str] = []
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or name in other or _is_injected(name, text) or not text.strip():
            continue
        path = name.removeprefix(PREFIX).lower().split("__")
        annotation = _annotation(model, path)
        if annotation is None:
            unknown.append(f"{name}: unknown variable{_hint(name, list(variables(model)))}")
            continue
        place = found
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = _value(name, text, annotation)
    if unknown:
        raise SettingsError("\n".join(unknown))
    return found


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dicts laid over each other; the later one wins, lists are replaced whole."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = result.get(key)
            both = isinstance(below, dict) and isinstance(value, Mapping)
            result[key] = merged(below, value) if both and isinstance(below, dict) else value
    return result


@dataclass(frozen=True, slots=True)
class SettingsSources:
    """Where values came from: a YAML file's mapping, if there is one, and the environment."""

    environ: Mapping[str, str]
    path: Path | None = None
    content: Mapping[str, Any] = field(default_factory=dict)

    def name(self, loc: Sequence[int | str]) -> str:
        """A key as its user finds it: with the variable, or the file, that set it or something in it."""
        parts = [str(part) for part in loc]
        key = ".".join(parts)
        for length in range(len(parts), 0, -1):
            variable = PREFIX + "__".join(parts[:length]).upper()
            if variable in self.environ:
                return f"{key} ({variable})"
        return f"{self.path}: {key}" if parts and parts[0] in self.content else key


def explain(error: ValidationError, model: type[BaseModel], sources: SettingsSources) -> SettingsError:
    """The errors of a validation in words: file or variable, key, what is wrong, what is allowed, what was given."""
    return SettingsError("\n".join(_line(found, model, sources) for found in error.errors()))


def _line(found: ErrorDetails, model: type[BaseModel], sources: SettingsSources) -> str:
    path = [str(part) for part in found["loc"]]
    where, kind, given = sources.name(found["loc"]), found["type"], _given(path, found["input"])
    if kind == "extra_forbidden":
        return f"{where}: unknown key{_hint(path[-1], _keys(model, path[:-1]))}"
    if kind == "missing" and not any(part.isdecimal() for part in path):
        return f"{where}: is required (or set {PREFIX}{'__'.join(path).upper()})"
    if kind.startswith(("model_", "dict_")) and (keys := _keys(model, path)):
        return f"{where}: must hold keys and values; there are: {', '.join(keys)}{given}"
    if kind == "string_type" and isinstance(found["input"], dict) and len(found["input"]) == 1:
        return f"{where}: must be text; a variable is written ${{{next(iter(found['input']))}}}, in quotes"
    if kind == "string_type" and isinstance(found["input"], bool | int | float):
        return f"{where}: must be text; put it in quotes, as YAML reads no, yes, on, off and numbers otherwise{given}"
    return f"{where}: {reason(found)}{given}"


def variables(model: type[BaseModel], prefix: str = PREFIX) -> Iterator[str]:
    """Every variable that `model` knows, nested models included."""
    for key, info in model.model_fields.items():
        yield prefix + key.upper()
        nested = _nested(info.annotation)
        if nested is not None:
            yield from variables(nested, f"{prefix}{key.upper()}__")


def _is_injected(name: str, text: str) -> bool:
    if _INJECTED.fullmatch(name):
        return True
    return "://" in text and _INJECTED_PORT.fullmatch(name) is not None


def _annotation(model: type[BaseModel], path: list[str]) -> Any:
    """The annotation of the field at `path`; None when there is none."""
    info = model.model_fields.get(path[0])
    if info is None or len(path) == 1:
        return None if info is None else info.annotation
    nested = _nested(info.annotation)
    return None if nested is None else _annotation(nested, path[1:])


def _nested(annotation: Any) -> type[BaseModel] | None:
    """The model in `Model` or `Model | None`."""
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return next((found for part in typing.get_args(annotation) if (found := _nested(part))), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _value(name: str, text: str, annotation: Any) -> Any:
    is_list = typing.get_origin(annotation) in (tuple, list, frozenset)
    if is_list or _nested(annotation) is not None:
        if text.lstrip()[0] in "[{":
            try:
                return json.loads(text)
            except ValueError as error:
                raise SettingsError(f"{name}: not JSON: {error}") from error
        if is_list:
            return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _keys(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    """The keys of the model at `path`, whose numbers are places in lists; empty where there is none."""
    here: type[BaseModel] | None = model
    for part in path:
        if here is not None and not part.isdecimal():
            found = here.model_fields.get(part)
            here = None if found is None else _nested(found.annotation) or _item(found.annotation)
    return [] if here is None else list(here.model_fields)


def _item(annotation: Any) -> type[BaseModel] | None:
    """The model in `tuple[Model, ...]`."""
    arguments = typing.get_args(annotation)
    return _nested(arguments[0]) if arguments else None


def _hint(wrong: str, known: list[str]) -> str:
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    if close:
        return f" (did you mean {close[0]}?)"
    return f"; there are: {', '.join(known)}" if 0 < len(known) <= _MAX_LISTED else ""


def _given(path: Sequence[str], value: object) -> str:
    """Nothing of what is secret, or in what is: an item of a list has a number for a name."""
    if any(_SECRET.search(part) for part in path) or not isinstance(value, str | int | float | bool):
        return ""
    return f" (given: {redact(str(value))!r})"
