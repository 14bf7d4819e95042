"""report.html: one file with figures, plots and the worst errors as images. Pure apart from the file it writes."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.evaluation.gates import Verdict

_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}
h1,h2{line-height:1.2} h2{margin-top:2.5rem}
table{border-collapse:collapse;margin:.5rem 0}
th,td{padding:.25rem .75rem;border-bottom:1px solid #8884;text-align:right}
th:first-child,td:first-child{text-align:left} .pass{color:#0a7d33} .fail{color:#c62828;font-weight:600}
.plots{display:flex;flex-wrap:wrap;gap:1rem} .plots img{max-width:100%;border-radius:6px;background:#fff}
.worst{display:grid;grid-template-columns:repeat(auto-fill,minmax(20rem,1fr));gap:1rem}
figure{margin:0} figure img{width:100%;border-radius:6px} figcaption{font-size:.85rem;overflow-wrap:anywhere}
@media (prefers-color-scheme:dark){.pass{color:#57d98a}.fail{color:#ff8a80}}
"""


@dataclass(frozen=True, slots=True)
class ReportContent:
    """What a report shows. plots: title → PNG; worst: caption and JPEG of each of the worst errors."""

    figures: dict[str, Any]
    plots: dict[str, bytes]
    worst: list[tuple[str, bytes]]


def write_report(path: Path, title: str, content: ReportContent, verdicts: Sequence[Verdict]) -> None:
    """Write the page; it loads nothing from elsewhere. Raises OSError."""
    figures, worst = content.figures, content.worst
    parts = [f"<h1>{html.escape(title)}</h1>", _origin(figures)]
    if verdicts:
        parts += ["<h2>Gates</h2>", "<ul>"]
        parts += [f'<li class="{"pass" if item.passed else "fail"}">{html.escape(str(item))}</li>' for item in verdicts]
        parts.append("</ul>")
    parts += ["<h2>Figures</h2>", *_tables(figures)]
    parts += ["<h2>Plots</h2>", '<div class="plots">']
    parts += [f'<img alt="{html.escape(name)}" src="{_data("png", png)}">' for name, png in content.plots.items()]
    parts += ["</div>", "<h2>Worst errors</h2>", '<div class="worst">']
    parts += [
        f'<figure><img alt="" src="{_data("jpeg", jpeg)}"><figcaption>{html.escape(text)}</figcaption></figure>'
        for text, jpeg in worst
    ]
    parts += ["</div>" if worst else "</div><p>None.</p>", "<details><summary>Everything as JSON</summary><pre>"]
    parts += [html.escape(json.dumps(figures, indent=1)), "</pre></details>"]
    body = "\n".join(parts)
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style><body>{body}</body></html>\n"
    )


def _origin(figures: Mapping[str, Any]) -> str:
    known = [f"{key} {figures[key]}" for key in ("backend", "data", "part", "images", "objects") if key in figures]
    return f"<p>{html.escape(' · '.join(known))}</p>"


def _tables(figures: Mapping[str, Any]) -> list[str]:
    flat = [(key, _with_interval(key, value, figures)) for key, value in figures.items() if isinstance(value, float)]
    out = [_table(("figure", "value"), flat)]
    for key, title in (("per_class", "class"), ("by_size", "size"), ("latency_ms", "stage, ms")):
        rows: Mapping[str, Mapping[str, Any]] = figures.get(key) or {}
        if rows:
            extra = {name: figures.get(name, {}) for name in ("ap50", "ap50_95")} if key == "per_class" else {}
            columns = [*next(iter(rows.values())), *extra]
            values = [
                (name, *row.values(), *(values.get(name) for values in extra.values())) for name, row in rows.items()
            ]
            out.append(_table((title, *columns), values))
    if "challenge" in figures:
        out.append(_table(("against the champion", "value"), list(figures["challenge"].items())))
    return out


def _with_interval(key: str, value: float, figures: Mapping[str, Any]) -> str:
    bounds = figures.get("intervals", {}).get(key)
    return f"{value} ({bounds[0]} to {bounds[1]})" if bounds else str(value)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    cells = "".join(f"<th>{html.escape(text)}</th>" for text in head)
    lines = ["".join(f"<td>{html.escape('–' if cell is None else str(cell))}</td>" for cell in row) for row in rows]
    return f"<table><tr>{cells}</tr>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _data(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def png(figure: Any) -> bytes:
    """A matplotlib figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return buffer.getvalue()
