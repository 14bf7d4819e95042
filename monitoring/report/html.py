"""The HTML of a report: elements as function calls, escaped by markupsafe, and the style sheet. Pure."""

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
        return Markup(f"<{name}{named}/>")  # nosec B704  # name is the code's, named is escaped
    return Markup(f"<{name}{named}>{joined(children)}</{name}>")  # nosec B704  # as above; joined escapes


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


STYLE = """
:root { color-scheme: light dark; --text: light-dark(#14181d, #e8ebef); --quiet: light-dark(#55606e, #98a2af);
  --line: light-dark(#dfe3e8, #2b3138); --ground: light-dark(#ffffff, #0f1215); --bad: light-dark(#a81e24, #ff7b80);
  --good: light-dark(#0e6b2f, #4ade80); --warn: light-dark(#7f4a00, #fbbf24); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 900px; padding: 32px 20px 64px; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { margin: 0; font-size: 28px; letter-spacing: -0.015em; }
h2 { margin: 40px 0 10px; padding-bottom: 6px; border-bottom: 1px solid var(--line); font-size: 19px; }
h3 { margin: 22px 0 6px; font-size: 15px; }
p { margin: 6px 0; max-width: 75ch; }
.quiet, figcaption { color: var(--quiet); }
.bad { color: var(--bad); font-weight: 600; } .warn { color: var(--warn); font-weight: 600; }
.good { color: var(--good); font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px; margin: 18px 0 0; }
.figures div { padding: 12px 14px; border: 1px solid var(--line); border-radius: 10px; }
.figures dt { color: var(--quiet); font-size: 13px; } .figures dd { margin: 0; font-size: 22px; font-weight: 620; }
.table { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { color: var(--quiet); font-weight: 500; font-size: 13px; } tbody th { font-weight: 550; }
td img { display: block; max-width: 72px; max-height: 72px; border-radius: 6px; }
figure { margin: 14px 0; } figcaption { font-size: 14px; }
svg { display: block; width: 100%; height: auto; } svg.small { width: 220px; }
svg text { fill: var(--quiet); font-size: 11px; } .grid { stroke: var(--line); }
.series-a { fill: #0b8f81; background: #0b8f81; } .series-b { fill: #4f7fe0; background: #4f7fe0; }
.series-c { fill: #c98f2b; background: #c98f2b; } .series-d { fill: #b0589f; background: #b0589f; }
.series-e { fill: #6f7f8f; background: #6f7f8f; } .series-f { fill: #c25b4e; background: #c25b4e; }
.reference { fill: none; stroke: light-dark(#14181d, #e8ebef); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 4px 0; padding: 0; list-style: none; font-size: 13px;
  color: var(--quiet); }
.legend i { display: inline-block; width: 10px; height: 10px; margin-right: 6px; border-radius: 3px; }
@media print { body { max-width: none; padding: 0; } h2, h3 { break-after: avoid; }
  figure, tr { break-inside: avoid; } }
"""
"""The style sheet: light and dark screens, and paper."""
