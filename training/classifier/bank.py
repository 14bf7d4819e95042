"""What is computed once: views of crops, and what the frozen part of a network makes of them. Needs torch.

Views are drawn from the seed, the crop's name and the view's number: a run that is resumed sees the same ones.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from training.classifier.crops import LabelledCrop
from training.classifier.framing import learned_view, served_view
from training.classifier.graph import compile_full, converted
from training.classifier.network import Frozen, Network
from training.classifier.settings import ClassifierSettings
from training.data.labelled import Image

_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Bank:
    """features: of each view of each crop, half precision, (views, crops, …); labels: of each crop."""

    features: Any
    labels: Any

    @property
    def views(self) -> int:
        """How many views there are of each crop."""
        return int(self.features.shape[0])


def learning_bank(network: Network, crops: Sequence[LabelledCrop], settings: ClassifierSettings) -> Bank:
    """`settings.views` random views of each crop."""
    return _bank(
        network,
        crops,
        [
            lambda crop, view=view: learned_view(
                crop, settings.size, settings.margin, random.Random(f"{settings.seed} {view} {crop.name}")
            )
            for view in range(settings.views)
        ],
    )


def choosing_bank(network: Network, crops: Sequence[LabelledCrop], settings: ClassifierSettings) -> Bank:
    """Two views of each crop as served: the whole of it, and its face with the card's margin."""
    return _bank(
        network,
        crops,
        [lambda crop, margin=margin: served_view(crop, settings.size, margin) for margin in (None, settings.margin)],
    )


def pooled(network: Network, bank: Bank) -> Bank:
    """The bank with the means of the last feature map instead, (views, crops, channels): what a head alone needs."""
    flat = bank.features.flatten(0, 1)
    with torch.inference_mode():
        parts = [network.tuned(part.float()).mean((2, 3)).half() for part in flat.split(_CHUNK)]
    return Bank(torch.cat(parts).unflatten(0, bank.features.shape[:2]).clone(), bank.labels)


def _bank(network: Network, crops: Sequence[LabelledCrop], makers: Sequence[Any]) -> Bank:
    # OpenVINO computes the frozen part, in full precision: several times as fast as eager PyTorch on a CPU
    frozen = compile_full(converted(Frozen(network.eval()), network.size))
    views = []
    for make in makers:
        parts = []
        for start in range(0, len(crops), _CHUNK):
            pictures: Image = np.stack([make(crop) for crop in crops[start : start + _CHUNK]])
            parts.append(torch.from_numpy(np.asarray(frozen([pictures])[0], np.float16)))
        views.append(torch.cat(parts))
    return Bank(torch.stack(views), torch.tensor([crop.label for crop in crops]))
