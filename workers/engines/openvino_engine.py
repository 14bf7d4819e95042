"""Inference by OpenVINO. Any thread; each request belongs to one thread at a time."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from workers.cpu import run_niced, usable_cpus
from workers.engines.engine import F32, U8, RequestPool, worker_count
from workers.engines.precision import GRAPH_INT8, choose_graph
from workers.errors import EngineError
from workers.model_card import ModelCard
from workers.settings import WorkerSettings

CAM = "cam"
"""The name of a classifier's second output; only explanations compute it (workers.explain)."""
_PRECISION = "INFERENCE_PRECISION_HINT"  # of a compiled model: what it is computed in

# OpenVINO's binding looks up NumPy when a tensor's data is first read: under a lock, with the GIL released. A second
# thread that reads one meanwhile waits for that lock while it holds the GIL: a deadlock (openvino 2026.4). So the first
# read is here, where there is one thread.
ov.Tensor(np.zeros(1, np.uint8)).data  # noqa: B018


class OpenVinoRequest:
    """One infer request whose input memory is `tensor`. See workers.engines.engine.Request."""

    def __init__(self, request: ov.InferRequest, shape: tuple[int, int, int, int], dynamic: bool, task: str) -> None:
        self.tensor: U8 = np.zeros(shape, np.uint8)
        self._request = request
        self._dynamic = dynamic
        self._rows = request.model_outputs[0].partial_shape.rank.get_length() == 2 and task == "detect"
        if not dynamic:
            request.set_input_tensor(ov.Tensor(self.tensor, shared_memory=True))

    def run(self, count: int) -> F32:
        """See workers.engines.engine.Request.run."""
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
    beside decoders; and nicer than these, which are what frames wait for (ARCHITECTURE.md).
    """

    def __init__(self, card: ModelCard, folder: Path, settings: WorkerSettings) -> None:
        core = ov.Core()
        device = settings.device or "CPU"
        capabilities = _capabilities(core, device)
        graph = choose_graph(card, capabilities, settings.precision)
        self.card = card
        self._max_batch = settings.classify.batch if card.task == "classify" else settings.max_batch
        workers = worker_count(settings)
        properties = {"PERFORMANCE_HINT": "THROUGHPUT"} if not device.startswith("CPU") else cpu_properties(workers)

        def compile_all() -> dict[tuple[int, int], ov.CompiledModel]:
            read = partial(self._graph, core, folder / graph)
            return {shape_wh: core.compile_model(read(shape_wh), device, properties) for shape_wh in card.shapes_wh}

        try:
            # the thread that compiles starts those that compute
            self._compiled = run_niced(settings.inference_nice, compile_all)
            self._requests = RequestPool(card.shapes_wh, workers, self._create_request)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot load {folder / graph} on {device}: {error}") from error
        precision = "int8" if graph == GRAPH_INT8 else _precision(self._compiled[card.shapes_wh[0]])
        self.backend = "-".join(("openvino", device.lower(), *([] if precision == "f32" else [precision])))

    def request(self, shape_wh: tuple[int, int]) -> AbstractContextManager[OpenVinoRequest]:
        """See workers.engines.engine.Engine.request."""
        return self._requests.borrow(shape_wh)

    def close(self) -> None:
        """Free requests and compiled models."""
        self._requests.clear()
        self._compiled.clear()

    def _graph(self, core: ov.Core, path: Path, shape_wh: tuple[int, int]) -> ov.Model:
        """The graph at one input shape, without the output that only explanations compute."""
        model = core.read_model(path)
        for output in [output for output in model.outputs[1:] if CAM in output.get_names()]:
            model.remove_result(output.get_node())
        width, height = shape_wh
        batch: Any = ov.Dimension(1, self._max_batch) if self._max_batch > 1 else 1
        model.reshape({0: ov.PartialShape([batch, height, width, 3])})
        return model

    def _create_request(self, shape_wh: tuple[int, int]) -> OpenVinoRequest:
        shape = (self._max_batch, shape_wh[1], shape_wh[0], 3)
        request = self._compiled[shape_wh].create_infer_request()
        return OpenVinoRequest(request, shape, self._max_batch > 1, self.card.task)


def _precision(compiled: ov.CompiledModel) -> str:
    """What OpenVINO computes an unquantised graph in: f32, bf16 or f16; f32 where the device does not say."""
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


def _capabilities(core: ov.Core, device: str) -> list[str]:
    available = core.available_devices
    if device.split(".")[0] not in {name.split(".")[0] for name in available}:
        raise EngineError(f"workers.device: OpenVINO has no device {device}; it has: {', '.join(available) or 'none'}")
    return list(core.get_property(device, "OPTIMIZATION_CAPABILITIES"))


def cpu_properties(workers: int) -> dict[str, Any]:
    """How OpenVINO compiles for the CPU: a stream for each of so many inference workers, unpinned."""
    return {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "NUM_STREAMS": workers,
        "INFERENCE_NUM_THREADS": max(usable_cpus(), workers),
        "ENABLE_CPU_PINNING": False,
    }
