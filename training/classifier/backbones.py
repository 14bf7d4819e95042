"""Backbones: by name from timm, with weights from a file or from timm's download. Runs on the training's thread.

A backbone is cut in two where training begins, so that what is frozen is computed once for each view and not again in
every epoch. Its last feature map must be a map (channels, height, width): class activations are drawn on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import RunError

ALIASES = {
    "mobilenet_v2": "mobilenetv2_100",
    "efficientnet_lite0": "tf_efficientnet_lite0",
    "efficientnet_lite1": "tf_efficientnet_lite1",
    "efficientnet_lite2": "tf_efficientnet_lite2",
}
FROM_NOTHING = "none"
_HEADS = ("classifier", "fc", "_fc", "head")
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True, slots=True)
class Backbone:
    """stages: the modules that one after the other give the feature map (batch, channels, height, width).

    mean, std: of RGB in 0 to 1, as the weights expect. source: where the weights are from.
    """

    name: str
    stages: tuple[Any, ...]
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str

    def cut(self, unfreeze: int) -> int:
        """The index of the first stage that phase two trains: `unfreeze` stages of several layers from the end."""
        large = [index for index, stage in enumerate(self.stages) if _layers(stage) > 1]
        if unfreeze <= 0:
            return len(self.stages)
        return large[-unfreeze] if unfreeze <= len(large) else 0


def _layers(stage: Any) -> int:
    from torch import nn

    return sum(isinstance(module, nn.Conv2d | nn.Linear) for module in stage.modules())


def load_backbone(name: str, weights: str | None, size: int) -> Backbone:
    """Raises RunError for a name that timm does not know, weights that do not fit, or one without a feature map."""
    import timm

    known = ALIASES.get(name, name)
    if known.split(".")[0] not in timm.list_models():
        close = ", ".join(timm.list_models(f"*{known[:9]}*")[:8])
        raise RunError(f"backbone {name!r}: unknown to timm" + (f"; similar: {close}" if close else ""))
    model = _created(name, known, weights)
    if weights is None:
        source, mean, std = "timm", model.pretrained_cfg["mean"], model.pretrained_cfg["std"]
    elif weights == FROM_NOTHING:
        source, (mean, std) = "none", _IMAGENET
    else:
        _load_file(model, Path(weights))
        source, (mean, std) = Path(weights).name, _IMAGENET
    stages, channels = _in_stages(model, name, size)
    return Backbone(name, stages, channels, tuple(mean), tuple(std), source)


def _created(name: str, known: str, weights: str | None) -> Any:
    import timm

    try:
        return timm.create_model(known, pretrained=weights is None, num_classes=0)
    except Exception as error:
        raise RunError(
            f"backbone {name!r}: timm cannot make it or download its weights ({type(error).__name__}: {error}); "
            "give --weights FILE"
        ) from error


def _load_file(model: Any, path: Path) -> None:
    """Load a state dict by its keys; else, as torchvision and others name the same layers differently, in order."""
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise RunError(f"{path}: cannot read it: {error.strerror or error}") from error
    except Exception as error:
        raise RunError(f"{path}: not weights that can be loaded safely: {error}") from error
    state = state.get("state_dict", state) if isinstance(state, Mapping) else state
    if not isinstance(state, Mapping):
        raise RunError(f"{path}: has no state dict")
    own = model.state_dict()
    given = {key: value for key, value in state.items() if key.split(".")[0] not in _HEADS}
    if set(given) != set(own):
        ours = [key for key in own if not key.endswith("num_batches_tracked")]
        theirs = [value for key, value in given.items() if not key.endswith("num_batches_tracked")]
        wrong = next((key for key, value in zip(ours, theirs, strict=False) if own[key].shape != value.shape), None)
        if len(ours) != len(theirs) or wrong is not None:
            raise RunError(
                f"{path}: weights of another network: {len(theirs)} tensors instead of {len(ours)}, "
                f"first difference: {wrong}"
            )
        given = dict(zip(ours, theirs, strict=True))
    model.load_state_dict(given, strict=False)


def _in_stages(model: Any, name: str, size: int) -> tuple[tuple[Any, ...], int]:
    """The modules whose sequence is the model's `forward_features`; the whole model when there is no such sequence."""
    import torch
    from torch import nn

    model.eval()
    modules: list[Any] = []
    for child in model.children():
        modules.extend(child if isinstance(child, nn.Sequential) and not child._forward_hooks else [child])
    with torch.no_grad():
        image = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
        wanted = model.forward_features(image)
        if wanted.ndim != 4 or wanted.shape[1] != model.num_features:
            raise RunError(f"backbone {name!r}: its features are not a map of channels, height and width")
        found, value = 0, image
        for count, module in enumerate(modules, 1):
            try:
                value = module(value)
            except (RuntimeError, ValueError, TypeError):
                break
            if value.shape == wanted.shape and torch.allclose(value, wanted, atol=1e-4, rtol=1e-3):
                found = count
    if not found:
        model.forward = model.forward_features
        return (model,), int(wanted.shape[1])
    return tuple(modules[:found]), int(wanted.shape[1])
