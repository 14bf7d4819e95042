"""A graph with int8 weights and activations. Pure. Needs the extra `train`."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import openvino as ov

from training.export.detector_graph import letterboxed


def quantized(graph: ov.Model, paths: Sequence[Path], shape: tuple[int, int], count: int = 300) -> ov.Model:
    """Calibrated by NNCF on up to `count` letterboxed images.

    For CPUs that have int8 instructions (VNNI) but no AMX: 1.6 times the speed on a Xeon without bfloat16, 1.5 times on
    an EPYC with it.
    """
    import nncf

    chosen = sorted(paths)
    if len(chosen) > count:
        chosen = sorted(random.Random(0).sample(chosen, count))
    model: ov.Model = nncf.quantize(
        graph.clone(),
        nncf.Dataset(chosen, lambda path: letterboxed(path, shape)),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(chosen),
    )
    return model
