"""From an Ultralytics checkpoint to an OpenVINO graph that ends in boxes, and its checks. Pure.

The graph takes u8 NHWC, normalises, and ends in boxes after class-agnostic NMS. The NMS is ours, from OpenVINO's
opset: the one that Ultralytics 8.4 exports (`nms=True, dynamic=True`) is traced for one image and returns boxes for
the first slot of a batch only (measured; `check_slots` refuses it). Its thresholds are as low as they go; the card's
apply afterwards (DESIGN 7). Needs the extra `train`.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import openvino as ov
from openvino import opset13 as ops

from training.data.labelled import read_image
from training.errors import ExportError
from training.evaluation.detection_figures import match
from training.export.test_time_augmentation import ONE_VIEW, TtaViews, with_augmentation
from workers.engines.engine import F32, U8
from workers.engines.letterbox import Letterbox
from workers.engines.openvino_engine import by_slot

MOST_BOXES = 300
LEAST_CONFIDENCE = 0.001
MOST_OVERLAP = 0.5
PAD_VALUE = 114
SHAPES_WH = ((448, 256), (480, 352), (416, 416), (352, 480), (256, 448))
SLOT_TOLERANCE_PX = 1.0
AGREE_CONFIDENCE = 0.25
AGREE_PX = 2.0
AGREE_SCORE = 0.03
AGREE_SHARE = 0.98

Shapes = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Exported:
    """A checkpoint as a graph, its classes in the order of their numbers, and the raw network as an ONNX file.

    raw: the network itself (see `with_nms`); graph: what serves.
    """

    raw: ov.Model
    graph: ov.Model
    classes: tuple[str, ...]
    onnx: Path | None
    checkpoint: Any


def exported(checkpoint: Path, scratch: Path, shapes: Shapes, onnx: bool = False) -> Exported:
    """The checkpoint as a graph of dynamic size: u8 NHWC RGB in, rows of boxes out (see `with_nms`).

    Raises ExportError when it is not a detector's checkpoint or has a head that is not known here.
    """
    from ultralytics import YOLO

    copy = scratch / "model.pt"
    try:
        shutil.copyfile(checkpoint, copy)
        model = YOLO(copy)
    except Exception as error:
        raise ExportError(f"{checkpoint}: not a readable checkpoint: {error}") from error
    if model.task != "detect":
        raise ExportError(f"{checkpoint}: has the task {model.task}, not detect")
    classes = tuple(model.names[index] for index in range(len(model.names)))
    size = (shapes[0][1], shapes[0][0])
    folder = model.export(format="openvino", imgsz=size, dynamic=True)
    raw = ov.Core().read_model(next(Path(folder).glob("*.xml")))
    _known_head(raw, len(classes), checkpoint)
    onnx_path = Path(model.export(format="onnx", imgsz=size, dynamic=True, simplify=False)) if onnx else None
    return Exported(raw, served(raw), classes, onnx_path, YOLO(copy))


def served(raw: ov.Model, views: TtaViews = ONE_VIEW) -> ov.Model:
    """The raw network, looking as often as `views` says, as the graph that serves. `raw` is left as it is."""
    wrap = ov.preprocess.PrePostProcessor(with_nms(raw.clone() if views == ONE_VIEW else with_augmentation(raw, views)))
    wrap.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    wrap.input().model().set_layout(ov.Layout("NCHW"))
    wrap.input().preprocess().convert_element_type(ov.Type.f32).scale(255.0)
    return wrap.build()


def _known_head(raw: ov.Model, classes: int, checkpoint: Path) -> None:
    shape = raw.get_results()[0].input_value(0).get_partial_shape()
    if shape.rank.get_length() != 3 or not shape[1].is_static or shape[1].get_length() != 4 + classes:
        raise ExportError(
            f"{checkpoint}: its head gives {shape}; (batch, {4 + classes}, anchors) is what is known here"
        )


def with_nms(raw: ov.Model) -> ov.Model:
    """Append NMS to YOLOv8's raw head (batch, 4 + classes, anchors), boxes as centre and size in input pixels.

    One box is one object, whatever its class: the score is that of its best class. The output is (n, 7): slot of the
    batch, x1, y1, x2, y2, confidence, class.
    """
    head = ops.transpose(raw.get_results()[0].input_value(0), ops.constant([0, 2, 1]))
    parts = ops.variadic_split(head, ops.constant(2), ops.constant(np.array([2, 2, -1], np.int64)))
    centre, half = parts.output(0), ops.multiply(parts.output(1), ops.constant(np.float32(0.5)))
    boxes = ops.concat([ops.subtract(centre, half), ops.add(centre, half)], -1)
    best = ops.topk(parts.output(2), ops.constant(1), axis=2, mode="max", sort="none")
    scores = ops.transpose(best.output(0), ops.constant([0, 2, 1]))
    chosen = ops.non_max_suppression(
        boxes,
        scores,
        ops.constant(np.int64(MOST_BOXES)),
        ops.constant(np.float32(MOST_OVERLAP)),
        ops.constant(np.float32(LEAST_CONFIDENCE)),
        box_encoding="corner",
        sort_result_descending=False,
        output_type="i32",
    )
    rows = ops.concat([boxes, best.output(0), ops.convert(best.output(1), "f32")], -1)
    where = ops.gather(chosen.output(0), ops.constant([0, 2]), ops.constant(1))
    slot = ops.convert(ops.gather(chosen.output(0), ops.constant([0]), ops.constant(1)), "f32")
    return ov.Model([ops.concat([slot, ops.gather_nd(rows, where)], 1)], raw.get_parameters(), "detector")


def check_slots(graph: ov.Model, images: list[U8], shapes: Shapes) -> None:
    """Refuse a graph whose batch mixes its images' boxes: each slot must give what its image gives alone.

    images: u8 HWC RGB, of any size. Raises ExportError naming the slot.
    """
    for width, height in shapes:
        resized = np.stack([cv2.resize(image, (width, height)) for image in images]).astype(np.uint8)
        compiled = _compiled(graph, (height, width), len(images))
        alone = [_infer(compiled, resized[index : index + 1])[0] for index in range(len(images))]
        together = _infer(compiled, resized)
        for index, (one, many) in enumerate(zip(alone, together, strict=True)):
            ours, theirs = one[one[:, 4] > 0.1], many[many[:, 4] > 0.1]
            same = len(ours) == len(theirs)
            if not same or (len(ours) and np.abs(ours[:, :4] - theirs[:, :4]).max() > SLOT_TOLERANCE_PX):
                raise ExportError(
                    f"at {width}x{height}, slot {index} of a batch gives other boxes than its image alone"
                )


def agreement(model: Exported, paths: Sequence[Path], shapes: Shapes) -> dict[str, Any]:
    """Boxes of the checkpoint (PyTorch) beside those of the graph on real images, at every shape.

    A box of confidence ≥ 0.25 on either side agrees when the other side has one of the same class, each of its sides
    within AGREE_PX input pixels and the confidence within AGREE_SCORE. Returns the share that agrees, the largest
    differences among those, and how many there were. Raises ExportError below AGREE_SHARE.
    """
    boxes = agreed = 0
    worst_px = worst_score = 0.0
    for shape in shapes:
        compiled = _compiled(model.graph, (shape[1], shape[0]), 1)
        for path in paths:
            tensor = letterboxed(path, shape)
            after, before = _within(_infer(compiled, tensor)[0], shape), _by_torch(model.checkpoint, tensor)
            for ours, theirs in ((after, before), (before, after)):
                found = _differences(ours, theirs)
                boxes += int((ours[:, 4] >= AGREE_CONFIDENCE).sum())
                agreed += len(found)
                worst_px = max([worst_px, *(px for px, _ in found)])
                worst_score = max([worst_score, *(score for _, score in found)])
    share = agreed / boxes if boxes else 1.0
    if share < AGREE_SHARE:
        raise ExportError(
            f"only {agreed} of {boxes} boxes of the checkpoint come out of the graph within {AGREE_PX} px and "
            f"{AGREE_SCORE} of confidence; {AGREE_SHARE:.0%} have to"
        )
    rounded = {"share": round(share, 4), "worst_px": round(worst_px, 3), "worst_confidence": round(worst_score, 4)}
    return {"boxes": boxes, **rounded, "tolerance_px": AGREE_PX, "tolerance_confidence": AGREE_SCORE}


def _differences(ours: F32, theirs: F32) -> list[tuple[float, float]]:
    """For each confident box that the other side has too: how far its sides (pixels) and its confidence are apart."""
    found = []
    confident = ours[ours[:, 4] >= AGREE_CONFIDENCE]
    for row, column in match(confident[:, :4], theirs[:, :4]):
        px = float(np.abs(confident[row, :4] - theirs[column, :4]).max())
        score = float(abs(confident[row, 4] - theirs[column, 4]))
        if px <= AGREE_PX and score <= AGREE_SCORE and confident[row, 5] == theirs[column, 5]:
            found.append((px, score))
    return found


def _within(rows: F32, shape: tuple[int, int]) -> F32:
    """The rows with their boxes cut at the picture's edges, as Ultralytics cuts its own."""
    width, height = shape
    return np.concatenate([rows[:, :4].clip(0, (width, height, width, height)), rows[:, 4:]], 1).astype(np.float32)


def _by_torch(checkpoint: Any, tensor: U8) -> F32:
    """The checkpoint's own boxes (n, 6) of one letterboxed image, with Ultralytics' NMS."""
    import torch

    pixels = torch.from_numpy(tensor.transpose(0, 3, 1, 2).copy()).float() / 255
    result = checkpoint.predict(
        pixels, conf=LEAST_CONFIDENCE, iou=MOST_OVERLAP, agnostic_nms=True, max_det=MOST_BOXES, verbose=False,
        device="cpu",
    )[0]  # fmt: skip
    return np.asarray(result.boxes.data.cpu().numpy(), np.float32)[:, :6]


def letterboxed(path: Path, shape: tuple[int, int]) -> U8:
    """An image in a batch of one, as it is served: u8 (1, height, width, 3) RGB. Raises DatasetError."""
    tensor = np.zeros((1, shape[1], shape[0], 3), np.uint8)
    image = av.VideoFrame.from_ndarray(read_image(path), format="bgr24")
    Letterbox().fill(image, tensor[0], PAD_VALUE, "rgb")
    return tensor


def _compiled(graph: ov.Model, size_hw: tuple[int, int], most: int) -> Any:
    model = graph.clone()
    batch: Any = ov.Dimension(1, most) if most > 1 else 1
    model.reshape({0: ov.PartialShape([batch, *size_hw, 3])})
    return ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def _infer(compiled: Any, batch: U8) -> F32:
    return by_slot(np.asarray(compiled([batch])[0], np.float32), len(batch))


def quantized(graph: ov.Model, paths: Sequence[Path], shape: tuple[int, int], count: int = 300) -> ov.Model:
    """The graph with int8 weights and activations, calibrated by NNCF on up to `count` letterboxed images.

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
