"""A classifier's checkpoint as the graphs that are served, and the checks they must pass. Needs torch.

Input: u8 NHWC RGB of any batch. Output 0 `probabilities` (n, classes), output 1 `cam` (n, classes, h, w): the head's
weights applied to the last feature map, whose mean is the logit but for the bias (B. Zhou et al., "Learning Deep
Features for Discriminative Localization", 2016).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch

from training.classifier.network import Network, Served
from training.data.labelled import Image
from training.errors import ExportError, RunError
from workers.atomic_files import write_whole
from workers.engines.engine import F32

NAMES = ("probabilities", "cam")
TOLERANCE = 0.02
"""Most that a probability may differ between PyTorch and a graph, weights rounded to fp16 included."""
SLOT_TOLERANCE = 1e-3


def openvino_graph(network: Network) -> ov.Model:
    """The network for OpenVINO, of dynamic batch."""
    graph = converted(Served(network).eval(), network.size)
    graph.inputs[0].get_tensor().set_names({"pictures"})
    for output, name in zip(graph.outputs, NAMES, strict=True):
        output.get_tensor().set_names({name})
    return graph


def converted(module: Any, size: int) -> ov.Model:
    """A module that takes u8 images (n, size, size, 3), for OpenVINO, of dynamic batch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # OpenVINO traces, which PyTorch calls deprecated
        graph: ov.Model = ov.convert_model(module, example_input=_example(size))
    graph.reshape({0: ov.PartialShape([-1, size, size, 3])})
    return graph


def write_onnx(network: Network, path: Path) -> None:
    """The network as ONNX, of dynamic batch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            Served(network).eval(),
            (_example(network.size),),
            input_names=["pictures"],
            output_names=list(NAMES),
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    if program is None:
        raise ExportError("PyTorch exported no ONNX graph")
    write_whole(path, lambda file: file.write(program.model_proto.SerializeToString()), error=RunError)


def check_slots(graph: ov.Model, images: Sequence[Image]) -> None:
    """Every slot of a batch must give what its image gives alone. Raises ExportError naming the slot."""
    compiled = compile_full(graph)
    together = answers(compiled, np.stack(images))
    for index, image in enumerate(images):
        alone = answers(compiled, image[None])
        for name, one, many in zip(NAMES, alone, together, strict=True):
            if np.abs(one[0] - many[index]).max() > SLOT_TOLERANCE * max(1.0, float(np.abs(one).max())):
                raise ExportError(f"slot {index} of a batch gives another {name} than its image alone")


def agreement(network: Network, folder: Path, files: Sequence[str], images: Sequence[Image]) -> dict[str, float]:
    """The most that a probability of each written file differs from PyTorch's. Raises ExportError above TOLERANCE."""
    batch = np.stack(images)
    with torch.inference_mode():
        wanted = Served(network).eval()(torch.from_numpy(batch))[0].numpy()
    found = {}
    for name in files:
        got = answers(compile_full(ov.Core().read_model(folder / name)), batch)[0]
        found[name] = round(float(np.abs(got - wanted).max()), 5)
        if found[name] > TOLERANCE:
            raise ExportError(f"{name}: probabilities differ from PyTorch's by {found[name]} (limit {TOLERANCE})")
    return found


def quantized(graph: ov.Model, images: Sequence[Image]) -> ov.Model:
    """With int8 weights and activations, calibrated on images as served."""
    import nncf

    model: ov.Model = nncf.quantize(
        graph.clone(),
        nncf.Dataset([image[None] for image in images]),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(images),
    )
    return model


def compile_full(graph: ov.Model) -> Any:
    """For the CPU, in full precision."""
    return ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def answers(compiled: Any, batch: Image) -> tuple[F32, F32]:
    """Probabilities and class activations of u8 NHWC RGB images."""
    outputs = compiled([batch])
    return np.asarray(outputs[0], np.float32), np.asarray(outputs[1], np.float32)


def _example(size: int) -> Any:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, size, size, 3), generator=generator, dtype=torch.uint8)
