"""Inference by PyTorch and Ultralytics, for GPUs. Any thread; each request belongs to one thread at a time.

Imported only when the settings choose it; needs the extra `train`. The checkpoint `model.pt` is named by the card,
whose sha256 is all that vouches for it: a checkpoint is a pickle, and loading one runs what is in it.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from workers.engines.engine import F32, U8, RequestPool, require_file, worker_count
from workers.errors import EngineError
from workers.model_card import ModelCard
from workers.settings import WorkerSettings

CHECKPOINT = "model.pt"
# As the OpenVINO export has them (DESIGN 7): the card's thresholds apply afterwards.
_LEAST_CONFIDENCE = 0.01
_IOU = 0.7
_MOST_BOXES = 100


class TorchRequest:
    """The input memory of one batch. See workers.engines.engine.Request."""

    def __init__(self, engine: TorchEngine, shape: tuple[int, int, int, int]) -> None:
        self.tensor: U8 = engine.input_memory(shape)
        self._engine = engine

    def run(self, count: int) -> F32:
        """See workers.engines.engine.Request.run."""
        return self._engine.compute(self.tensor[:count])


class TorchEngine:
    """One checkpoint on one device; half precision on a GPU. Requests compute one after another, as a GPU does."""

    def __init__(self, card: ModelCard, folder: Path, settings: WorkerSettings) -> None:
        require_file(card, CHECKPOINT, "PyTorch")
        try:
            import torch
            from ultralytics import YOLO
            from ultralytics.utils.nms import non_max_suppression
        except ImportError as error:
            raise EngineError(
                f"workers.backend is torch, but PyTorch or Ultralytics is missing ({error}): "
                "pip install 'livesight[train]', or set it to openvino"
            ) from error
        self.card = card
        self._torch = torch
        self._suppress = non_max_suppression
        self._lock = threading.Lock()
        try:
            self._device = torch.device(settings.device or ("cuda:0" if torch.cuda.is_available() else "cpu"))
            self._half = self._device.type == "cuda"
            network = YOLO(folder / CHECKPOINT, task="detect").model.fuse(verbose=False).eval().to(self._device)
            self._network: Any = network.half() if self._half else network
            self._check_classes()
            self._max_batch = settings.max_batch
            self._requests = RequestPool(card.shapes_wh, worker_count(settings), self._create_request)
            for width, height in card.shapes_wh:  # the first inference chooses kernels; no stream should wait for that
                self.compute(np.zeros((self._max_batch, height, width, 3), np.uint8))
        except (RuntimeError, AssertionError, OSError) as error:
            raise EngineError(f"PyTorch cannot load {folder / CHECKPOINT}: {error}") from error
        self.backend = f"torch-{self._device.type}"

    def request(self, shape_wh: tuple[int, int]) -> AbstractContextManager[TorchRequest]:
        """See workers.engines.engine.Engine.request."""
        return self._requests.borrow(shape_wh)

    def close(self) -> None:
        """Free the requests and the network."""
        self._requests.clear()
        self._network = None
        if self._half:
            self._torch.cuda.empty_cache()

    def input_memory(self, shape: tuple[int, int, int, int]) -> U8:
        """Memory of a request, u8; page-locked for a GPU, so that the copy to it is one transfer."""
        if not self._half:
            return np.zeros(shape, np.uint8)
        memory: U8 = self._torch.zeros(shape, dtype=self._torch.uint8, pin_memory=True).numpy()
        return memory

    def compute(self, images: U8) -> F32:
        """(n, height, width, 3) u8 → (n, most, 6), as workers.engines.engine.Request.run has it. Raises EngineError."""
        torch = self._torch
        try:
            with self._lock, torch.inference_mode():
                batch = torch.from_numpy(images).to(self._device, non_blocking=True).permute(0, 3, 1, 2)
                if self.card.color == "bgr":
                    batch = batch.flip(1)
                batch = (batch.half() if self._half else batch.float()).contiguous().div_(255)
                output = self._network(batch)
                found = self._suppress(
                    output, _LEAST_CONFIDENCE, _IOU, agnostic=True, max_det=_MOST_BOXES, nc=len(self.card.classes)
                )
                rows: F32 = np.zeros((len(images), _MOST_BOXES, 6), np.float32)
                for slot, boxes in enumerate(found):
                    rows[slot, : len(boxes)] = boxes[:, :6].float().cpu().numpy()
                return rows
        except RuntimeError as error:
            raise EngineError(f"PyTorch: {error}") from error

    def _create_request(self, shape_wh: tuple[int, int]) -> TorchRequest:
        return TorchRequest(self, (self._max_batch, shape_wh[1], shape_wh[0], 3))

    def _check_classes(self) -> None:
        names = tuple(self._network.names[index] for index in range(len(self._network.names)))
        if names != self.card.classes:
            raise EngineError(
                f"model {self.card.name} {self.card.version}: {CHECKPOINT} has the classes {', '.join(names)}, but the "
                f"card has {', '.join(self.card.classes)}"
            )
