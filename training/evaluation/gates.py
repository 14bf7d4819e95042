"""Gates: the figures that a model must reach. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.errors import EvaluationError

DETECT = {"map50": 0.85}
CLASSIFY = {"accuracy": 0.85, "f1": 0.80}
CHALLENGE = {"gain": 0.01, "p_gain": 0.9}
KNOWN = {
    "detect": (
        "map50", "map50_95", "precision", "recall", "f1", "label_right", "ece_most", "latency_most_ms",
        "gain", "p_gain",
    ),
    "classify": ("accuracy", "f1", "auc", "ece_most", "latency_most_ms", "gain", "p_gain"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """One gate: what was wanted, what was measured. Names with `most` are upper limits."""

    gate: str
    limit: float
    value: float | None

    @property
    def passed(self) -> bool:
        """A figure that could not be measured has not passed."""
        if self.value is None:
            return False
        return self.value <= self.limit if "most" in self.gate else self.value >= self.limit

    def __str__(self) -> str:
        sign = "≤" if "most" in self.gate else "≥"
        return f"{self.gate} {self.value} {'passes' if self.passed else 'fails'} ({sign} {self.limit})"


def read_gates(text: str | None, task: str, champion: bool) -> dict[str, float]:
    """The gates of a task: its defaults, those of a challenger when there is a champion, changed by `name=limit,…`.

    `none` is no gates at all. Raises EvaluationError naming an unknown gate, or a limit that is not a number.
    """
    if text == "none":
        return {}
    gates = dict(DETECT if task == "detect" else CLASSIFY) | (CHALLENGE if champion else {})
    for part in filter(None, (part.strip() for part in (text or "").split(","))):
        name, _, limit = part.partition("=")
        if name not in KNOWN[task]:
            raise EvaluationError(f"unknown gate {name!r}; there are: {', '.join(KNOWN[task])}")
        try:
            gates[name] = float(limit)
        except ValueError as error:
            raise EvaluationError(f"gate {part!r}: must be {name}=NUMBER") from error
    return gates


def judge(gates: Mapping[str, float], figures: Mapping[str, Any]) -> list[Verdict]:
    """Compare figures with gates."""
    flat = {
        **{key: value for key, value in figures.items() if isinstance(value, int | float)},
        **figures.get("at_thresholds", {}),
        **figures.get("challenge", {}),
        "ece_most": figures.get("calibration", {}).get("ece"),
        "latency_most_ms": figures.get("latency_ms", {}).get("total", {}).get("p50"),
    }
    return [Verdict(name, limit, flat.get(name)) for name, limit in gates.items()]
