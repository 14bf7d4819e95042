"""The settings of one training run of a classifier: a neural one, or a classical one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ClassifierSettings:
    """data: a folder of crops for each class. backbone: a name that timm knows, or one of training.classifier.ALIASES.

    weights: ImageNet weights in a file; None downloads timm's, "none" starts from nothing. size: side of the square
    input, pixels. yunet: YuNet's weights, to frame faces as a detector does. margin: of the crops when serving.
    views: how many different views of each crop are learned from. unfreeze: how many of the backbone's last stages
    phase two trains. patience: epochs without gain after which a phase ends; 0 never. threads: 0 leaves it to torch.
    """

    data: Path
    out: Path
    backbone: str = "mobilenet_v2"
    weights: str | None = None
    size: int = 128
    yunet: Path | None = None
    margin: float = 0.1
    views: int = 4
    unfreeze: int = 2
    head_epochs: int = 12
    tune_epochs: int = 20
    head_lr: float = 3e-3
    tune_lr: float = 3e-4
    batch: int = 64
    patience: int = 6
    seed: int = 7
    threads: int = 0
    experiment: str = "classifier"


@dataclass(frozen=True, slots=True)
class ClassicalSettings:
    """backbone: of training.classifier.classical_models. views: of each crop, beside those that serve. words: how many.

    The others are as in ClassifierSettings.
    """

    data: Path
    out: Path
    backbone: str
    size: int = 128
    yunet: Path | None = None
    margin: float = 0.1
    views: int = 4
    words: int = 128
    seed: int = 7
    experiment: str = "classifier"
