"""The mean of checkpoints' weights. Runs in its own process. Needs the extra `train`.

Networks that were trained on from the same weights average well: the mean is often better than each (Izmailov et al.
2018, "Averaging Weights Leads to Wider Optima and Better Generalization"; Wortsman et al. 2022, "Model soups"). It
costs nothing when serving, unlike an ensemble.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from training.errors import RunError
from workers.atomic_files import write_whole
from workers.model_card import sha256_of


@dataclass(frozen=True, slots=True)
class WeightedCheckpoint:
    """A detector's checkpoint (.pt) and its share of the mean, above 0."""

    checkpoint: Path
    share: float


def average(parts: Sequence[WeightedCheckpoint], out: Path) -> None:
    """Write the mean of the parts' weights as a checkpoint that trains on, is measured and exported as any other.

    Running statistics of batch normalisation are averaged like weights; counters are the first part's. `averaged` in
    the file says of what (name, sha256, share). Raises RunError for shares that do not add up to 1, a part that cannot
    be read or does not fit to the first (architecture, classes), and an OUT that is there already.
    """
    if not math.isclose(sum(part.share for part in parts), 1, abs_tol=1e-6):
        raise RunError(f"the shares must add up to 1, not {sum(part.share for part in parts):g}")
    if out.exists():
        raise RunError(f"{out}: already exists, and is not overwritten")
    first, kept = _opened(parts[0].checkpoint)
    mean: dict[str, Any] = {}
    for part in parts:
        network, _ = _opened(part.checkpoint)
        _refuse_other(parts[0].checkpoint, first, part.checkpoint, network)
        for name, values in network.state_dict().items():
            if values.is_floating_point():
                mean[name] = mean.get(name, 0) + part.share * values.double()
    first.load_state_dict({**first.state_dict(), **{name: values.float() for name, values in mean.items()}})
    _save(first, kept, parts, out)


def _opened(checkpoint: Path) -> tuple[Any, dict[str, Any]]:
    """The checkpoint's network (its moving average, where there is one) in float32, and all that it holds."""
    from ultralytics.nn.tasks import DetectionModel, load_checkpoint

    if not checkpoint.is_file():
        raise RunError(f"{checkpoint}: no such checkpoint")
    try:
        network, held = load_checkpoint(checkpoint)
    except Exception as error:
        raise RunError(f"{checkpoint}: not a readable checkpoint: {error}") from error
    if not isinstance(network, DetectionModel) or network.task != "detect":
        raise RunError(f"{checkpoint}: has the task {getattr(network, 'task', 'unknown')}, not detect")
    return network, dict(held)


def _refuse_other(first_path: Path, first: Any, path: Path, network: Any) -> None:
    if first.names != network.names:
        raise RunError(f"{path}: its classes differ from those of {first_path}: {network.names} and {first.names}")
    shapes = [{name: tuple(values.shape) for name, values in one.state_dict().items()} for one in (first, network)]
    if shapes[0] != shapes[1]:
        raise RunError(f"{path}: its architecture differs from that of {first_path}; only equal ones can be averaged")


def _save(network: Any, held: dict[str, Any], parts: Sequence[WeightedCheckpoint], out: Path) -> None:
    """As Ultralytics strips a finished run's: half precision, no optimiser. What the first part had measured is not
    the mean's, and goes.
    """
    import torch

    del network.pt_path  # where the first part lay
    record = [{"checkpoint": p.checkpoint.name, "sha256": sha256_of(p.checkpoint), "share": p.share} for p in parts]
    kept: dict[str, Any] = {name: held[name] for name in ("train_args", "version", "license", "docs") if name in held}
    stripped: dict[str, Any] = {"epoch": -1, "best_fitness": None, "ema": None, "optimizer": None, "updates": None}
    whole = {**stripped, **kept, "model": network.half(), "averaged": record, "date": datetime.now(UTC).isoformat()}
    write_whole(out, lambda file: torch.save(whole, file), error=RunError)
