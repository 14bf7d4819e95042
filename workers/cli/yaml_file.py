"""A configuration file: YAML without keys that stand twice, `${VARIABLE}` in texts, `password_file` of streams.

Looks at the disk. Variables and files of secrets are for who configures this machine: nothing of the kind is done with
what comes over HTTP.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from workers.errors import SettingsError

_VARIABLE = re.compile(r"\$(?P<escaped>\$)?\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
_MOST_SECRET_BYTES = 4096


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that stands twice: YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """See SafeLoader. Raises MarkedYAMLError."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The mapping in a YAML file. Raises SettingsError naming the file and, where it can, the line."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)  # nosec B506  # a SafeLoader
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise SettingsError(f"{path}: must hold keys and values, such as `state_dir: /var/lib/livesight`")
    expanded: dict[str, Any] = _expanded(content, environ, str(path))
    if isinstance(streams := expanded.get("streams"), list):
        expanded["streams"] = [_with_password(stream, f"{path}: streams.{n}") for n, stream in enumerate(streams)]
    return expanded


def expand(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """A text with the variables that it names; in user and password of a URL their values are percent-encoded.

    `$${NAME}` stands for `${NAME}` itself. Raises SettingsError for a variable that is not set.
    """
    begin = text.find("://") + 3 if "://" in text else 0
    end = text.rfind("@")

    def value(found: re.Match[str]) -> str:
        if found["escaped"]:
            return found[0][1:]
        if found["name"] not in environ:
            raise SettingsError(f"the variable {found['name']} is not set; set it, or write $${{…}} for the text")
        inside = begin and begin <= found.start() < end
        return quote(environ[found["name"]], safe="") if inside else environ[found["name"]]

    return _VARIABLE.sub(value, text)


def _expanded(value: Any, environ: Mapping[str, str], where: str) -> Any:
    if isinstance(value, dict):
        separator = "." if where.count(": ") else ": "
        return {key: _expanded(item, environ, f"{where}{separator}{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, environ, f"{where}.{index}") for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    try:
        return expand(value, environ)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None


def _with_password(stream: Any, where: str) -> Any:
    """A stream whose password is the first line of a file."""
    if not isinstance(stream, dict) or not isinstance(path := stream.get("password_file"), str):
        return stream
    if stream.get("password") is not None:
        raise SettingsError(f"{where}: give password or password_file, not both")
    try:
        with Path(path).expanduser().open("rb") as file:
            secret = file.read(_MOST_SECRET_BYTES).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"{where}.password_file: {path}: {reason}") from None
    if not secret or not secret[0]:
        raise SettingsError(f"{where}.password_file: {path}: its first line is empty")
    return {**{key: value for key, value in stream.items() if key != "password_file"}, "password": secret[0]}
