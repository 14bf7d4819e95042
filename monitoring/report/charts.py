"""Bar charts as SVG, printable and without scripts. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from monitoring.report.html import tag

WIDTH, HEIGHT = 720, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 6, 10, 24
SERIES = ("a", "b", "c", "d", "e", "f")
"""Classes of the style sheet, a colour each."""


@dataclass(frozen=True, slots=True)
class StackedBars:
    """A bar per name, of stacked parts: `parts` by name, values in the order of `names`."""

    title: str
    names: Sequence[str]
    parts: Mapping[str, Sequence[float]]


def bar_chart(bars: StackedBars) -> Markup:
    """A chart, with a legend when there is more than one part."""
    totals = [sum(values) for values in zip(*bars.parts.values(), strict=True)]
    top = _round_up(max(totals, default=0))
    inner_width, inner_height = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    step = inner_width / max(1, len(bars.names))
    drawn: list[Markup] = _axis(top, inner_width, inner_height)
    for at, name in enumerate(bars.names):
        base = 0.0
        for (part, values), series in zip(bars.parts.items(), SERIES, strict=False):
            height = values[at] / top * inner_height
            if height > 0:
                y = _TOP + inner_height - base - height
                hover_text = tag("title", f"{name}: {values[at]:g} {part}")
                attributes = {"x": _px(_LEFT + at * step + step * 0.1), "y": _px(y), "width": _px(step * 0.8)}
                drawn.append(
                    tag("g", hover_text, tag("rect", **attributes, height=_px(height), class_=f"series-{series}"))
                )
            base += height
        if at % max(1, math.ceil(len(bars.names) / 12)) == 0:
            x = _px(_LEFT + (at + 0.5) * step)
            drawn.append(tag("text", name, x=x, y=HEIGHT - 8, text_anchor="middle"))
    chart = tag("svg", drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=bars.title)
    return tag("figure", tag("figcaption", bars.title), legend(bars.parts) if len(bars.parts) > 1 else None, chart)


def legend(names: Sequence[str] | Mapping[str, object]) -> Markup:
    """The colour of each name."""
    items = [tag("li", tag("i", class_=f"series-{series}"), name) for name, series in zip(names, SERIES, strict=False)]
    return tag("ul", items, class_="legend")


def distribution_chart(now: Sequence[float], reference: Sequence[float], title: str) -> Markup:
    """Shares now as bars, the reference's as a line over them; one per bin or label."""
    width, height = 220, 70
    top = max([*now, *reference, 1e-9])
    step = width / max(1, len(now))
    columns = [(_px(at * step), height * share / top) for at, share in enumerate(now)]
    bars = [
        tag("rect", x=x, y=_px(height - bar_height), width=_px(step), height=_px(bar_height), class_="series-a")
        for x, bar_height in columns
    ]
    line = [
        f"{_px(edge * step)},{_px(height * (1 - share / top))}"
        for at, share in enumerate(reference)
        for edge in (at, at + 1)
    ]
    drawn = [*bars, tag("polyline", points=" ".join(line), class_="reference")]
    return tag("svg", drawn, viewBox=f"0 -2 {width} {height + 4}", role="img", aria_label=title, class_="small")


def _axis(top: float, width: float, height: float) -> list[Markup]:
    drawn = []
    for share in (0, 0.5, 1):
        y = _TOP + height * (1 - share)
        drawn.append(tag("line", x1=_LEFT, x2=_px(_LEFT + width), y1=_px(y), y2=_px(y), class_="grid"))
        drawn.append(tag("text", f"{top * share:g}", x=_LEFT - 6, y=_px(y + 4), text_anchor="end"))
    return drawn


def _round_up(value: float) -> float:
    """The next round number whose half is round, too."""
    if value <= 0:
        return 1
    size: float = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 2, 4, 6, 8, 10) if step * size >= value)


def _px(value: float) -> str:
    return f"{value:.1f}"
