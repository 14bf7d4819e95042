"""Small real models: a classifier of colours as an OpenVINO graph, and a test engine that boxes what is coloured. Pure.

The classifier's graph has what a trained one has: u8 NHWC in, normalisation inside, `probabilities` and `cam` out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import openvino as ov
from openvino import opset13 as ops

from workers.engines.engine import F32, U8
from workers.model_card import CARD_FILE, ModelCard, sha256_of

COLOURS = ("red", "green", "blue")
SIDE = 32
CELLS = 4
SHAPE_WH = (320, 192)
RGB = {"red": (220, 30, 30), "green": (30, 220, 30), "blue": (30, 30, 220), "grey": (90, 90, 90)}


def colour_graph() -> ov.Model:
    """[N, 32, 32, 3] u8 RGB → probabilities [N, 3] and cam [N, 3, 4, 4]: how much more of each channel than of all."""
    picture = ops.parameter([-1, SIDE, SIDE, 3], np.uint8, name="images")
    planes = ops.transpose(ops.divide(ops.convert(picture, "f32"), np.float32(255)), np.array([0, 3, 1, 2]))
    step = SIDE // CELLS
    cells = ops.avg_pool(planes, [step, step], [0, 0], [0, 0], [step, step], exclude_pad=True)
    cam = ops.multiply(
        ops.subtract(cells, ops.reduce_mean(cells, np.array([1]), keep_dims=True)), np.float32(10), name="cam_map"
    )
    probabilities = ops.softmax(ops.reduce_mean(cam, np.array([2, 3]), keep_dims=False), 1)
    probabilities.output(0).get_tensor().set_names({"probabilities"})
    cam.output(0).get_tensor().set_names({"cam"})
    return ov.Model([probabilities, cam], [picture], "colours")


def write_colour_model(
    root: Path,
    name: str = "colour",
    version: int = 1,
    applies_to: tuple[str, ...] | str = ("thing",),
    classes: tuple[str, ...] = COLOURS,
) -> Path:
    """The classifier as a model folder `root/name/version`."""
    folder = root / name / str(version)
    folder.mkdir(parents=True)
    ov.save_model(colour_graph(), folder / "model.xml", compress_to_fp16=False)
    card = ModelCard.model_validate(
        {
            "name": name,
            "version": version,
            "task": "classify",
            "classes": classes,
            "shapes_wh": ((SIDE, SIDE),),
            "applies_to": applies_to,
            "files": {path.name: sha256_of(path) for path in sorted(folder.iterdir())},
            "licence": "none",
        }
    )
    (folder / CARD_FILE).write_text(card.model_dump_json(by_alias=True))
    return folder


SQUARE = 64
STRIDE = 8


def square_graph() -> ov.Model:
    """[N, H, W, 3] u8 RGB → rows (slot, x1, y1, x2, y2, confidence, class): squares of 64 pixels of one colour.

    As trained detectors are exported: a score for each cell and class, the best class of each, one NMS over all.
    """
    width, height = SHAPE_WH
    columns, rows = width // STRIDE, height // STRIDE
    picture = ops.parameter([-1, height, width, 3], np.uint8, name="images")
    planes = ops.transpose(ops.divide(ops.convert(picture, "f32"), np.float32(255)), np.array([0, 3, 1, 2]))
    pad = SQUARE // 2 - STRIDE // 2
    mean = ops.avg_pool(planes, [STRIDE, STRIDE], [pad, pad], [pad, pad], [SQUARE, SQUARE], exclude_pad=False)
    own = ops.subtract(mean, ops.reduce_mean(mean, np.array([1]), keep_dims=True))
    scores = ops.clamp(ops.multiply(own, np.float32(2)), 0.0, 1.0)
    cells = ops.transpose(ops.reshape(scores, np.array([0, 3, rows * columns]), True), np.array([0, 2, 1]))
    x, y = np.meshgrid((np.arange(columns) + 0.5) * STRIDE, (np.arange(rows) + 0.5) * STRIDE)
    corners = np.stack([x - 32, y - 32, x + 32, y + 32], -1).reshape(1, -1, 4).astype(np.float32)
    boxes = ops.add(ops.multiply(ops.reduce_max(cells, np.array([2]), keep_dims=True), np.float32(0)), corners)
    best = ops.topk(cells, ops.constant(1), axis=2, mode="max", sort="none")
    chosen = ops.non_max_suppression(
        boxes,
        ops.transpose(best.output(0), np.array([0, 2, 1])),
        ops.constant(np.int64(20)),
        ops.constant(np.float32(0.05)),
        ops.constant(np.float32(0.1)),
        box_encoding="corner",
        sort_result_descending=False,
        output_type="i32",
    )
    found = ops.concat([boxes, best.output(0), ops.convert(best.output(1), "f32")], -1)
    where = ops.gather(chosen.output(0), ops.constant([0, 2]), ops.constant(1))
    slot = ops.convert(ops.gather(chosen.output(0), ops.constant([0]), ops.constant(1)), "f32")
    return ov.Model([ops.concat([slot, ops.gather_nd(found, where)], 1)], [picture], "squares")


def write_square_model(
    root: Path, version: int = 1, classes: tuple[str, ...] = COLOURS, name: str = "squares", threshold: float = 0.5
) -> Path:
    """The detector as a model folder `root/name/version`."""
    folder = root / name / str(version)
    folder.mkdir(parents=True)
    ov.save_model(square_graph(), folder / "model.xml", compress_to_fp16=False)
    card = ModelCard(
        name=name,
        version=version,
        task="detect",
        classes=classes,
        shapes_wh=(SHAPE_WH,),
        thresholds=dict.fromkeys(classes, threshold),
        files={path.name: sha256_of(path) for path in sorted(folder.iterdir())},
        licence="none",
    )
    (folder / CARD_FILE).write_text(card.model_dump_json(by_alias=True))
    return folder


def things_card(version: int = 1) -> ModelCard:
    """The card of the engine below."""
    return ModelCard(
        name="things",
        version=version,
        task="detect",
        classes=("thing", "other"),
        shapes_wh=(SHAPE_WH,),
        thresholds={"thing": 0.0, "other": 0.0},
        files={},
        licence="none",
    )


class ThingsEngine:
    """An engine of the protocol: a box around what is coloured. `class_of` says what it takes it for."""

    backend = "test"

    def __init__(self, class_of: Callable[[], int] = lambda: 0) -> None:
        self.card = things_card()
        self.class_of = class_of

    @contextmanager
    def request(self, shape_wh: tuple[int, int]) -> Iterator[_ThingsRequest]:
        """A fresh request."""
        yield _ThingsRequest(self)

    def close(self) -> None:
        """Nothing to free."""


class _ThingsRequest:
    def __init__(self, engine: ThingsEngine) -> None:
        self.tensor: U8 = np.zeros((1, SHAPE_WH[1], SHAPE_WH[0], 3), np.uint8)
        self._engine = engine

    def run(self, count: int) -> F32:
        out = np.zeros((count, 1, 6), np.float32)
        for slot in range(count):
            image = self.tensor[slot].astype(np.int16)
            ys, xs = np.nonzero(image.max(2) - image.min(2) > 80)
            if len(xs):
                out[slot, 0] = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1, 0.9, self._engine.class_of())
        return out


class GatedEngine:
    """Another engine, behind a gate: `gate` holds it back, `error` is raised, `sizes` are the batches it was asked."""

    def __init__(self, inner: object, error: Exception | None = None) -> None:
        self._inner = inner
        self.card: ModelCard = inner.card  # type: ignore[attr-defined]
        self.backend = "test"
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()
        self.error = error
        self.sizes: list[int] = []

    @contextmanager
    def request(self, shape_wh: tuple[int, int]) -> Iterator[_GatedRequest]:
        """A request of the engine behind."""
        with self._inner.request(shape_wh) as request:  # type: ignore[attr-defined]
            yield _GatedRequest(self, request)

    def close(self) -> None:
        """Close the engine behind."""
        self._inner.close()  # type: ignore[attr-defined]


class _GatedRequest:
    def __init__(self, engine: GatedEngine, inner: object) -> None:
        self.tensor: U8 = inner.tensor  # type: ignore[attr-defined]
        self._engine, self._inner = engine, inner

    def run(self, count: int) -> F32:
        self._engine.sizes.append(count)
        self._engine.asked.set()
        assert self._engine.gate.wait(30)
        if self._engine.error is not None:
            raise self._engine.error
        rows: F32 = self._inner.run(count)  # type: ignore[attr-defined]
        return rows


def coloured(
    colour: str, xyxy: tuple[int, int, int, int], size_wh: tuple[int, int] = (640, 360), texture: bool = True
) -> av.VideoFrame:
    """A grey picture with a textured rectangle of this colour in it."""
    image = np.full((size_wh[1], size_wh[0], 3), 90, np.uint8)
    x1, y1, x2, y2 = xyxy
    image[y1:y2, x1:x2] = RGB[colour]
    if texture:
        image[y1:y2:8, x1:x2] = np.array(RGB[colour]) // 2
    return av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
