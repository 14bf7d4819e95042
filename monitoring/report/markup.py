"""HTML and SVG as function calls, escaped by markupsafe: text is always text, never markup. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

Child = object
_VOID = frozenset({"img", "meta", "br", "rect", "line", "path", "polyline"})


def tag(name: str, /, *children: Child, **attributes: object) -> Markup:
    """An element. Attributes that are None are left out; `class_` is `class`, `aria_label` is `aria-label`."""
    named = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), str(value))
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{named}/>")
    return Markup(f"<{name}{named}>{joined(children)}</{name}>")


def joined(children: Iterable[Child]) -> Markup:
    """The children one after the other. None adds nothing, lists and tuples are flattened."""
    return Markup("").join(
        joined(child) if isinstance(child, (list, tuple)) else escape(child) for child in children if child is not None
    )


def table(heads: Iterable[str], rows: Iterable[Iterable[Child]]) -> Markup:
    """A table whose first column holds the row headers."""
    body = [
        tag("tr", [tag("th", cell, scope="row") if number == 0 else tag("td", cell) for number, cell in enumerate(row)])
        for row in rows
    ]
    head = tag("tr", [tag("th", text, scope="col") for text in heads])
    return tag("div", tag("table", tag("thead", head), tag("tbody", body)), class_="table")
