"""Why a model gives a label: a heatmap over the image. Any thread; one explanation at a time.

A detection's map is, for each cell of the detector, its score for the label times how well the box that it votes for
lies over the detection (IoU): the cells that brought this box about. A classifier's is its class-activation map over
the crop it looked at. Both are raw values, not stretched to a range.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import av
import numpy as np
import supervision as sv

from stream.config import DEFAULT_MODELS
from stream.frame import Frame, new_session
from workers.bus.result import Detection, FrameResult
from workers.engines.engine import F32, U8
from workers.engines.hot_swap import EngineSlots
from workers.engines.letterbox import Letterbox, Placement, least_padding
from workers.errors import ExplainError
from workers.explain.explain_graphs import ExplainGraph
from workers.explain.heatmap import Explanation
from workers.images.crops import crop_image, crop_region
from workers.inference.detect import image_result
from workers.model_card import ModelCard, ModelStore, load_card

DEFAULT_DETECTOR = DEFAULT_MODELS[0]
_MOST_GRAPHS = 8


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """What to explain.

    model: the detector or classifier. detector: whose boxes a classifier of boxes gets.
    detection: its index in the result, from 0; None is the first the model applies to.
    label: the label to explain; None is the one that the model gives.
    """

    model: str = DEFAULT_DETECTOR
    detector: str = DEFAULT_DETECTOR
    detection: int | None = None
    label: str | None = None


class Explainer:
    """Explains with the versions in service. Its graphs are compiled when they are first needed."""

    def __init__(self, store: ModelStore, slots: EngineSlots, node: str) -> None:
        self._store = store
        self._slots = slots
        self._node = node
        self._graphs: dict[tuple[str, int, tuple[int, int]], ExplainGraph] = {}
        self._letterbox = Letterbox()
        self._lock = threading.Lock()

    def explain(self, image_bgr: U8, request: ExplainRequest) -> Explanation:
        """Explain one image (u8 HWC BGR). Blocks. Raises ExplainError, ModelError, EngineError."""
        card = self._card(request.model)
        of_boxes = card.task == "classify" and card.applies_to != "image"
        names = (request.detector, request.model) if of_boxes else (request.model,)
        self._slots.ensure(names)
        card = self._slots[request.model].card
        if request.label is not None and request.label not in card.classes:
            raise ExplainError(f"label {request.label!r}: model {card.name} has the labels {', '.join(card.classes)}")
        image = av.VideoFrame.from_numpy_buffer(image_bgr, format="bgr24")
        frame = Frame("explain", new_session(), 0, 0, 0, time.time_ns(), time.monotonic(), 0.0, image)
        result = image_result(self._slots, frame, names, self._node)
        index = _chosen(result.detections, card, request)
        with self._lock:
            if card.task == "detect":
                return self._detection(card, frame, result, index, request.label)
            return self._classification(card, frame, result, index, request.label)

    def _detection(
        self, card: ModelCard, frame: Frame, result: FrameResult, index: int | None, label: str | None
    ) -> Explanation:
        found = None if index is None else result.detections[index]
        explained = label if found is None or label is not None else found.label
        if explained is None:
            raise ExplainError(
                f"model {card.name} finds nothing in this image; give a label to see its evidence all the same"
            )
        graph = self._graph(card, frame.size_wh)
        placement = self._letterbox.fill(frame.image, graph.tensor[0], card.pad_value, card.color)
        cells = graph.cells()
        evidence: F32 = cells.scores[:, card.classes.index(explained)]
        if found is not None:
            box = placement.to_input(np.array([found.xyxy], np.float32))
            evidence = evidence * sv.box_iou_batch(box, cells.boxes)[0].astype(np.float32)
        same = found is not None and found.label == explained
        confidence = found.confidence if found is not None and same else float(min(1.0, evidence.max()))
        region = _covered(placement, graph.shape_wh, (0, 0))
        return Explanation(card, result, index, explained, round(confidence, 4), region, cells.grid(evidence))

    def _classification(
        self, card: ModelCard, frame: Frame, result: FrameResult, index: int | None, label: str | None
    ) -> Explanation:
        region = (0, 0, *frame.size_wh)
        if index is not None:
            region = crop_region(result.detections[index].xyxy, card.crop_margin, frame.size_wh)
        crop = frame.image if index is None else crop_image(frame.image, region)
        graph = self._graph(card, (crop.width, crop.height))
        placement = self._letterbox.fill(crop, graph.tensor[0], card.pad_value, card.color)
        probabilities, maps = graph.activation()
        number = int(probabilities.argmax()) if label is None else card.classes.index(label)
        confidence = round(float(min(1.0, max(0.0, probabilities[number]))), 4)
        covered = _covered(placement, graph.shape_wh, region[:2])
        return Explanation(card, result, index, card.classes[number], confidence, covered, maps[number])

    def _graph(self, card: ModelCard, size_wh: tuple[int, int]) -> ExplainGraph:
        shape_wh = least_padding(size_wh, card.shapes_wh)
        key = (card.name, card.version, shape_wh)
        if key not in self._graphs:
            for known in [known for known in self._graphs if known[0] == card.name and known[1] != card.version]:
                del self._graphs[known]
            if len(self._graphs) >= _MOST_GRAPHS:
                self._graphs.clear()
            self._graphs[key] = ExplainGraph(card, self._store.folder(card.name, card.version), shape_wh)
        return self._graphs[key]

    def _card(self, name: str) -> ModelCard:
        slot = self._slots.get(name)
        return slot.card if slot is not None else load_card(self._store.folder(name), verify=False)


def _chosen(detections: Sequence[Detection], card: ModelCard, request: ExplainRequest) -> int | None:
    """The index of the detection to explain; None for the whole image. Raises ExplainError."""
    if card.applies_to == "image" and card.task == "classify":
        return None
    fit = [index for index, found in enumerate(detections) if card.task == "detect" or found.label in card.applies_to]
    if request.detection is None:
        return fit[0] if fit else None
    if request.detection not in range(len(detections)):
        raise ExplainError(f"detection {request.detection}: this image has {len(detections)}, counted from 0")
    if request.detection not in fit:
        label = detections[request.detection].label
        raise ExplainError(
            f"detection {request.detection} has the label {label}, which model {card.name} does not classify"
        )
    return request.detection


def _covered(
    placement: Placement, shape_wh: tuple[int, int], corner: tuple[int, int]
) -> tuple[float, float, float, float]:
    """What a model's whole input covers, padding included, in pixels of the image that has the crop at `corner`."""
    fx, fy = placement.size_wh[0] / placement.inner_wh[0], placement.size_wh[1] / placement.inner_wh[1]
    x1, y1 = corner[0] - placement.origin_xy[0] * fx, corner[1] - placement.origin_xy[1] * fy
    return round(x1, 2), round(y1, 2), round(x1 + shape_wh[0] * fx, 2), round(y1 + shape_wh[1] * fy, 2)
