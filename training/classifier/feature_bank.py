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

from training.classifier.augmentation import served_view, training_view
from training.classifier.crops import LabelledCrop
from training.classifier.graph import compile_full, converted
from training.classifier.network import Frozen, Network
from training.classifier.settings import ClassifierSettings
from training.data.labelled import Image

_CHUNK = 64


@dataclass(frozen=True, slots=True)
class FeatureBank:
    """features: of each view of each crop, half precision, (views, crops, …); labels: of each crop."""

    features: Any
    labels: Any

    @property
    def views(self) -> int:
        """How many views there are of each crop."""
        return int(self.features.shape[0])


def training_bank(network: Network, crops: Sequence[LabelledCrop], settings: ClassifierSettings) -> FeatureBank:
    """`settings.views` random views of each crop."""
    return _bank(
        network,
        crops,
        [
            lambda crop, view=view: training_view(
                crop, settings.size, settings.margin, random.Random(f"{settings.seed} {view} {crop.name}")
            )
            for view in range(settings.views)
        ],
    )


def validation_bank(network: Network, crops: Sequence[LabelledCrop], settings: ClassifierSettings) -> FeatureBank:
    """Two views of each crop as served: the whole of it, and its face with the card's margin."""
    return _bank(
        network,
        crops,
        [lambda crop, margin=margin: served_view(crop, settings.size, margin) for margin in (None, settings.margin)],
    )


def pooled(network: Network, bank: FeatureBank) -> FeatureBank:
    """The bank with the means of the last feature map instead, (views, crops, channels): what a head alone needs."""
    flat = bank.features.flatten(0, 1)
    with torch.inference_mode():
        parts = [network.tuned(part.float()).mean((2, 3)).half() for part in flat.split(_CHUNK)]
    return FeatureBank(torch.cat(parts).unflatten(0, bank.features.shape[:2]).clone(), bank.labels)


def _bank(network: Network, crops: Sequence[LabelledCrop], makers: Sequence[Any]) -> FeatureBank:
    # OpenVINO computes the frozen part, in full precision: several times as fast as eager PyTorch on a CPU
    frozen = compile_full(converted(Frozen(network.eval()), network.size))
    views = []
    for make in makers:
        parts = []
        for start in range(0, len(crops), _CHUNK):
            images: Image = np.stack([make(crop) for crop in crops[start : start + _CHUNK]])
            parts.append(torch.from_numpy(np.asarray(frozen([images])[0], np.float16)))
        views.append(torch.cat(parts))
    return FeatureBank(torch.stack(views), torch.tensor([crop.label for crop in crops]))
