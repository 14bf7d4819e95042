"""Checkpoints of a classifier: written whole or not at all, read without unpickling objects. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from training.classifier.backbones import FROM_NOTHING, load_backbone
from training.classifier.network import Network
from training.classifier.settings import ClassifierSettings
from training.errors import RunError
from workers.atomic_files import write_whole

FORMAT = "livesight.classifier/1"
LAST, BEST = "last.pt", "best.pt"
_MAY_CHANGE = ("data", "out", "weights", "yunet", "threads", "experiment")


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Raises RunError when the disk refuses; then the file that was there stays."""
    write_whole(path, lambda file: torch.save({"format": FORMAT, **state}, file), error=RunError)


def load(path: Path) -> dict[str, Any]:
    """Raises RunError naming the file and what is wrong."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise RunError(f"{path}: cannot read it: {error.strerror or error}") from error
    except Exception as error:
        raise RunError(f"{path}: not a checkpoint, or truncated: {error}") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise RunError(f"{path}: not a checkpoint of livesight train classifier")
    return state


def plain(settings: ClassifierSettings) -> dict[str, Any]:
    """The settings as a checkpoint keeps them."""
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(settings).items()}


def check_same(path: Path, state: Mapping[str, Any], settings: ClassifierSettings, version: str) -> None:
    """A run is resumed only with its own settings and data. Raises RunError naming what differs."""
    if state["data_version"] != version:
        raise RunError(f"{path}: was trained on other data ({state['data_version']}, now {version})")
    for key, value in plain(settings).items():
        if key not in _MAY_CHANGE and state["settings"][key] != value:
            raise RunError(f"{path}: was trained with {key} {state['settings'][key]}, now {value}")


def network_of(state: Mapping[str, Any]) -> Network:
    """The network that a checkpoint holds, in evaluation mode."""
    settings = state["settings"]
    backbone = load_backbone(settings["backbone"], FROM_NOTHING, settings["size"])
    network = Network(backbone, backbone.cut(settings["unfreeze"]), len(state["classes"]), settings["size"])
    network.mean.copy_(torch.tensor(state["mean"]).view(1, 3, 1, 1) * 255)
    network.std.copy_(torch.tensor(state["std"]).view(1, 3, 1, 1) * 255)
    network.load_state_dict(state["network"])
    network.eval()
    return network
