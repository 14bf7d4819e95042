"""What PromQL expressions name: metrics and their labels. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

# What a metric is exposed as besides its own name
SUFFIXES = ("_total", "_bucket", "_sum", "_count", "_created")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_METRIC = re.compile(r"\b(livesight[a-z0-9_]*(?::[a-z0-9_:]+)?)\s*(?:\{([^}]*)\})?")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPED = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")


def metrics(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics and recorded series that an expression names, each with the labels that are asked of it."""
    for name, matchers in _METRIC.findall(_STRING.sub('""', expression)):
        yield name, set(_LABEL.findall(matchers))


def grouped(expression: str) -> set[str]:
    """The labels that an expression groups or joins by."""
    lists = _GROUPED.findall(_STRING.sub('""', expression))
    return {label.strip() for each in lists for label in each.split(",") if label.strip()}


def family(name: str, known: set[str]) -> str | None:
    """The family of `known` that exposes a series of this name."""
    if name in known:
        return name
    return next(
        (name.removesuffix(end) for end in SUFFIXES if name.endswith(end) and name.removesuffix(end) in known), None
    )
