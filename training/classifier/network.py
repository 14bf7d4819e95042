"""The network: a backbone in two parts and a linear head over the mean of its last feature map. Needs torch.

What is frozen stays in evaluation mode, batch normalisation included: its features never change, and it is exactly
what is served.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from training.classifier.backbones import Backbone

_Module: Any = nn.Module
"""For the type checker the same, whether PyTorch is installed or not."""


class Network(_Module):  # type: ignore[misc]
    """frozen: u8 NHWC RGB → features; tuned: features → feature map; head: its mean → logits."""

    def __init__(self, backbone: Backbone, cut: int, classes: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(backbone.std).view(1, 3, 1, 1) * 255, persistent=False)
        self.frozen = nn.Sequential(*backbone.stages[:cut])
        self.tuned = nn.Sequential(*backbone.stages[cut:])
        self.head = nn.Linear(backbone.channels, classes)
        nn.init.zeros_(self.head.bias)
        nn.init.normal_(self.head.weight, std=0.01)
        for parameter in self.frozen.parameters():
            parameter.requires_grad_(False)

    def features(self, images: Any) -> Any:
        """What the frozen part makes of u8 NHWC RGB images."""
        x = images.permute(0, 3, 1, 2).float()
        return self.frozen((x - self.mean) / self.std)

    def train(self, mode: bool = True) -> Network:
        """Batch normalisation keeps its statistics in both phases: batches are small, and views repeat."""
        super().train(mode)
        self.frozen.eval()
        for module in self.tuned.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def logits(self, feature_map: Any) -> Any:
        """(batch, channels, height, width) → (batch, classes)."""
        return self.head(feature_map.mean((2, 3)))


class Frozen(_Module):  # type: ignore[misc]
    """The frozen part alone: u8 NHWC RGB → features."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Any) -> Any:
        return self.network.features(images)


class Served(_Module):  # type: ignore[misc]
    """The graph that is served: u8 NHWC RGB → probabilities (n, classes) and class activations (n, classes, h, w)."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Any) -> tuple[Any, Any]:
        network = self.network
        feature_map = network.tuned(network.features(images))
        cam = torch.nn.functional.conv2d(feature_map, network.head.weight[:, :, None, None])
        return torch.softmax(network.logits(feature_map), 1), cam
