"""The comparison as a Markdown table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from freshness import middle

HEAD = "| | fresh results/s (each round) | median | age p50 / p99 ms | fairness | cores | others after a camera died |"
RULE = "|---|---|---|---|---|---|---|"


def markdown(runs: Sequence[dict[str, Any]], titles: Sequence[tuple[str, str, str]]) -> str:
    """A row a variant (name, title, group), and below how many times the best peers Livesight gives."""
    rows = [HEAD, RULE]
    fresh: dict[str, tuple[str, float]] = {}
    for name, title, group in titles:
        mine = [run for run in runs if run["variant"] == name]
        fresh[name] = group, middle([run["fresh_per_s"] for run in mine])
        rows.append(f"| {title} | {_row(mine, fresh[name][1])} |")
    return "\n".join(rows) + "\n\n" + _ratios(fresh)


def _row(runs: Sequence[dict[str, Any]], median: float) -> str:
    each = ", ".join(f"{run['fresh_per_s']:g}" for run in runs)
    good = [run for run in runs if "error" not in run]
    if not good:
        return f"{each} | {median:g} | | | | {runs[-1]['error']}"
    ages = [f"{middle([run['age_ms'].get(key, 0.0) for run in good]):.0f}" for key in ("p50", "p99")]
    fairness = min(run["fairness"] for run in good)
    cores = max(run["usage"]["process_cores"] for run in good)
    return f"{each} | {median:g} | {' / '.join(ages)} | {fairness:g} | {cores:g} | {_killed(runs)}"


def _killed(runs: Sequence[dict[str, Any]]) -> str:
    kill = next((run["kill"] for run in reversed(runs) if "kill" in run), None)
    if kill is None:
        return ""
    what = "went on" if kill["others_stopped"] == 0 else f"**{kill['others_stopped']} stopped**"
    gone = "" if kill["alive"] else ", the process ended"
    return f"{what}: {kill['others_before_per_s']:g} → {kill['others_after_per_s']:g} results/s{gone}"


def _ratios(fresh: dict[str, tuple[str, float]]) -> str:
    ours = next((rate for group, rate in fresh.values() if group == "ours"), None)
    lines = []
    for group, words in (("defaults", "at its defaults"), ("shape", "given our input shape")):
        best = max((rate for known, rate in fresh.values() if known == group), default=0.0)
        if ours is not None and best:
            lines.append(f"Livesight gives {ours / best:.2f} times the best peer {words}.")
    return "\n".join(lines) + "\n"
