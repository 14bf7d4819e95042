"""HTML and SVG by calls: text is always text, never markup. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = object
_VOID = frozenset({"img", "meta", "br", "rect", "line", "path", "polyline"})


def tag(name: str, /, *children: Child, **attributes: object) -> Markup:
    """An element. Attributes that are None are left out; `class_` is `class`, `aria_label` is `aria-label`."""
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{named}/>")
    return Markup(f"<{name}{named}>{joined(children)}</{name}>")


def joined(children: Iterable[Child]) -> Markup:
    """One after the other; None is nothing, lists are gone into."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, (list, tuple)):
            parts.append(joined(child))
        else:
            parts.append(html.escape(str(child)))
    return Markup("".join(parts))


def table(heads: Iterable[str], rows: Iterable[Iterable[Child]]) -> Markup:
    """A table whose rows' first cell names them."""
    body = [
        tag("tr", [tag("th", cell, scope="row") if number == 0 else tag("td", cell) for number, cell in enumerate(row)])
        for row in rows
    ]
    head = tag("tr", [tag("th", text, scope="col") for text in heads])
    return tag("div", tag("table", tag("thead", head), tag("tbody", body)), class_="table")
