"""Inference by OpenVINO. Any thread; each request belongs to one thread at a time."""

from __future__ import annotations

import os
import queue
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from workers.card import ModelCard
from workers.cpu import processor
from workers.engines.engine import F32, U8
from workers.engines.niceness import yielding
from workers.errors import EngineError
from workers.settings import WorkerSettings

GRAPH = "model.xml"
GRAPH_INT8 = "model-int8.xml"
CAM = "cam"
"""The name of a classifier's second output; only explanations compute it (workers.explain)."""
_PRECISION = "INFERENCE_PRECISION_HINT"  # of a compiled model: what it is computed in

# OpenVINO's binding looks up NumPy when a tensor's data is first asked for: under a lock, letting go of the GIL
# meanwhile. A second thread that asks then waits for that lock with the GIL, and the process stands still for ever
# (openvino 2026.4). So it is asked here, where there is one thread.
ov.Tensor(np.zeros(1, np.uint8)).data  # noqa: B018


class OpenVinoRequest:
    """One infer request whose input memory is `tensor`. See workers.engine.Request."""

    def __init__(self, request: ov.InferRequest, shape: tuple[int, int, int, int], dynamic: bool, task: str) -> None:
        self.tensor: U8 = np.zeros(shape, np.uint8)
        self._request = request
        self._dynamic = dynamic
        self._rows = request.model_outputs[0].partial_shape.rank.get_length() == 2 and task == "detect"
        if not dynamic:
            request.set_input_tensor(ov.Tensor(self.tensor, shared_memory=True))

    def run(self, count: int) -> F32:
        """See workers.engine.Request.run."""
        try:
            if self._dynamic:
                self._request.set_input_tensor(ov.Tensor(self.tensor[:count], shared_memory=True))
            self._request.infer()
            output = self._request.get_output_tensor(0).data
            return by_slot(output, count) if self._rows else np.array(output[:count], np.float32)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO: {error}") from error


class OpenVinoEngine:
    """One model, compiled for each of its shapes at the start.

    The compiled model runs as many streams as there are inference workers, unpinned: pinned inference threads starve
    beside decoders; and nicer than these, which are the ones that pictures wait for (ARCHITECTURE.md).
    """

    def __init__(self, card: ModelCard, folder: Path, settings: WorkerSettings) -> None:
        core = ov.Core()
        device = settings.device or "CPU"
        capabilities = _capabilities(core, device)
        graph = _choose_graph(card, capabilities, settings.precision)
        self.card = card
        self._idle: dict[tuple[int, int], queue.LifoQueue[OpenVinoRequest]] = {}
        self._compiled: list[ov.CompiledModel] = []
        workers = worker_count(settings)
        max_batch = settings.classify.batch if card.task == "classify" else settings.max_batch
        try:
            for shape_wh in card.shapes_wh:
                compile_one = partial(self._compile, core, folder / graph, device, shape_wh, max_batch, workers)
                yielding(settings.inference_nice, compile_one)  # who compiles starts the threads that compute
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot load {folder / graph} on {device}: {error}") from error
        precision = "int8" if graph == GRAPH_INT8 else _precision(self._compiled[0])
        self.backend = "-".join(("openvino", device.lower(), *([] if precision == "f32" else [precision])))

    def _compile(
        self, core: ov.Core, path: Path, device: str, shape_wh: tuple[int, int], max_batch: int, workers: int
    ) -> None:
        model = core.read_model(path)
        for output in [output for output in model.outputs[1:] if CAM in output.get_names()]:
            model.remove_result(output.get_node())
        width, height = shape_wh
        batch: Any = ov.Dimension(1, max_batch) if max_batch > 1 else 1
        model.reshape({0: ov.PartialShape([batch, height, width, 3])})
        compiled = core.compile_model(model, device, _properties(device, workers))
        self._compiled.append(compiled)
        idle: queue.LifoQueue[OpenVinoRequest] = queue.LifoQueue()
        for _ in range(workers):
            shape = (max_batch, height, width, 3)
            idle.put(OpenVinoRequest(compiled.create_infer_request(), shape, max_batch > 1, self.card.task))
        self._idle[shape_wh] = idle

    @contextmanager
    def request(self, shape_wh: tuple[int, int]) -> Iterator[OpenVinoRequest]:
        """Borrow a request; waits while all are lent. There is one for each inference worker."""
        idle = self._idle[shape_wh]
        request = idle.get()
        try:
            yield request
        finally:
            idle.put(request)

    def close(self) -> None:
        """Free requests and compiled models."""
        self._idle.clear()
        self._compiled.clear()


def _precision(compiled: ov.CompiledModel) -> str:
    """What OpenVINO computes a graph in that is not quantised: f32, bf16 or f16; f32 where the device does not tell."""
    if _PRECISION not in compiled.get_property("SUPPORTED_PROPERTIES"):
        return "f32"
    return str(compiled.get_property(_PRECISION).get_type_name())


def by_slot(rows: F32, count: int) -> F32:
    """Rows (n, 7) of slot, x1, y1, x2, y2, confidence, class → (count, most, 6), best first, the rest zero.

    The slots' order is the graph's; the boxes' is settled here, so that two runs agree.
    """
    slots = [rows[rows[:, 0] == slot, 1:] for slot in range(count)]
    most = max((len(own) for own in slots), default=0)
    out = np.zeros((count, most, 6), np.float32)
    for slot, own in enumerate(slots):
        out[slot, : len(own)] = own[np.argsort(-own[:, 4], kind="stable")]
    return out


def worker_count(settings: WorkerSettings) -> int:
    """Inference workers: as set, else one for each core that this process may use, and one more.

    The one more converts and tracks while the others compute.
    """
    return settings.threads or len(os.sched_getaffinity(0)) + 1


def _capabilities(core: ov.Core, device: str) -> list[str]:
    available = core.available_devices
    if device.split(".")[0] not in {name.split(".")[0] for name in available}:
        raise EngineError(f"OpenVINO has no device {device}; it has: {', '.join(available) or 'none'}")
    return list(core.get_property(device, "OPTIMIZATION_CAPABILITIES"))


def int8_pays(capabilities: Collection[str], cpu_flags: Collection[str]) -> bool:
    """Is the quantised graph to run? Not where AMX makes bfloat16 fast (taken from its makers, not measured here).

    capabilities: OpenVINO's of the device. cpu_flags: the processor's own, as Linux names them. With AVX-512's bfloat16
    and no AMX (an AMD EPYC) int8 is 1.5 times as fast: medians of 8.7 and 5.8 ms (`mask`, one picture, two cores).
    """
    return "INT8" in capabilities and (
        "BF16" not in capabilities or ("avx512_bf16" in cpu_flags and "amx_bf16" not in cpu_flags)
    )


def _choose_graph(card: ModelCard, capabilities: list[str], precision: str) -> str:
    pays = int8_pays(capabilities, processor("flags").split())
    if precision == "int8" and GRAPH_INT8 not in card.files:
        raise EngineError(f"model {card.name} {card.version} has no {GRAPH_INT8}, but precision is int8")
    if precision == "int8" or (precision == "auto" and pays and GRAPH_INT8 in card.files):
        return GRAPH_INT8
    if GRAPH not in card.files:
        raise EngineError(f"model {card.name} {card.version} has no {GRAPH}: it is not for OpenVINO")
    return GRAPH


def _properties(device: str, workers: int) -> dict[str, Any]:
    if not device.startswith("CPU"):
        return {"PERFORMANCE_HINT": "THROUGHPUT"}
    cores = len(os.sched_getaffinity(0))
    return {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "NUM_STREAMS": workers,
        "INFERENCE_NUM_THREADS": max(cores, workers),
        "ENABLE_CPU_PINNING": False,
    }
