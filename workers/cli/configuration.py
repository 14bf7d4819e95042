"""Settings from environment variables and YAML, and their errors in words. Pure but for reading the file."""

from __future__ import annotations

import difflib
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from stream.redaction import redact
from workers.errors import SettingsError
from workers.validation import reason

PREFIX = "LIVESIGHT_"
# What Kubernetes injects for Services called livesight, livesight-node and so on
_INJECTED = re.compile(
    r"LIVESIGHT_(?:[A-Z0-9]+_)*(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?)"
)
_INJECTED_PORT = re.compile(r"LIVESIGHT_(?:[A-Z0-9]+_)*PORT")
_SECRET = re.compile(r"password|secret|token|key$", re.I)


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


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises SettingsError naming the file and, where it can, the line."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise SettingsError(f"{path}: must hold keys and values, such as `state_dir: /var/lib/livesight`")
    return content


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dicts laid over each other; the later one wins, lists are replaced whole."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = result.get(key)
            both = isinstance(below, dict) and isinstance(value, Mapping)
            result[key] = merged(below, value) if both and isinstance(below, dict) else value
    return result


def explain(error: ValidationError, model: type[BaseModel], environ: Mapping[str, str]) -> SettingsError:
    """The errors of a validation in words: key, variable if it came from one, what is wrong, what was given."""
    lines = []
    for found in error.errors():
        path = [str(part) for part in found["loc"]]
        name = ".".join(path)
        variable = PREFIX + "__".join(path).upper()
        where = f"{name} ({variable})" if variable in environ else name
        if found["type"] == "extra_forbidden":
            lines.append(f"{where}: unknown key{_hint(path[-1], _siblings(model, path))}")
        else:
            lines.append(f"{where}: {reason(found)}{_given(path[-1] if path else '', found['input'])}")
    return SettingsError("\n".join(lines))


def variables(model: type[BaseModel], prefix: str = PREFIX) -> Iterator[str]:
    """Every variable that `model` knows, nested models included."""
    for key, field in model.model_fields.items():
        yield prefix + key.upper()
        nested = _nested(field.annotation)
        if nested is not None:
            yield from variables(nested, f"{prefix}{key.upper()}__")


def _is_injected(name: str, text: str) -> bool:
    if _INJECTED.fullmatch(name):
        return True
    return "://" in text and _INJECTED_PORT.fullmatch(name) is not None


def _annotation(model: type[BaseModel], path: list[str]) -> Any:
    """The annotation of the field at `path`; None when there is none."""
    field = model.model_fields.get(path[0])
    if field is None or len(path) == 1:
        return None if field is None else field.annotation
    nested = _nested(field.annotation)
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


def _siblings(model: type[BaseModel], path: list[str]) -> list[str]:
    here: type[BaseModel] | None = model
    for part in path[:-1]:
        field = here.model_fields.get(part) if here is not None else None
        here = None if field is None else _nested(field.annotation)
    return [] if here is None else list(here.model_fields)


def _hint(wrong: str, known: list[str]) -> str:
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def _given(key: str, value: object) -> str:
    if _SECRET.search(key) or not isinstance(value, str | int | float | bool):
        return ""
    return f" (given: {redact(str(value))!r})"
