"""Test-time augmentation: a detector that runs on an image mirrored and at other scales, in one graph. Pure.

Boxes and scores of an image and its mirror image are averaged cell by cell;
cells of all scales go into one NMS together. Twice the views take twice the time. Needs the extra `train`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from training.errors import ExportError

STRIDES = (8, 16, 32)
"""Of the levels in the order in which YOLOv8's head lists their cells, row by row."""
GRAIN = STRIDES[-1]


@dataclass(frozen=True, slots=True)
class TtaViews:
    """scales: shares of the served shape's sides, rounded to 32 pixels; the first is 1. mirror: each mirrored too."""

    scales: tuple[float, ...] = (1.0,)
    mirror: bool = False

    def recorded(self) -> dict[str, Any]:
        """For the card."""
        return {"scales": list(self.scales), "mirror": self.mirror}


ONE_VIEW = TtaViews()


def with_augmentation(raw: ov.Model, views: TtaViews) -> ov.Model:
    """The raw network (float NCHW in, (batch, 4 + classes, cells) out) with as many cells for each scale.

    Cells of scale 1 come first; all boxes are centre and size in pixels of the input. raw: is left as it is. Raises
    ExportError where its head has other levels than those of STRIDES.
    """
    _check_levels(raw)
    image = ops.parameter(raw.input(0).get_partial_shape(), np.float32, "images")
    image.output(0).set_names({"images"})
    size = _Size(image)
    found = []
    for number, scale in enumerate(views.scales):
        seen, of = image.output(0), size
        if scale != 1:
            of = size.scaled(scale)
            seen = ops.interpolate(
                seen, of.height_width, "linear_onnx", "sizes", axes=_whole([2, 3]), antialias=False
            ).output(0)
        network = _named(raw, f"view{number}")
        cells = _mirrored(network, seen, of) if views.mirror else _applied(network, seen)
        found.append(_enlarged(cells, size, of) if scale != 1 else cells)
    cells = ops.concat(found, 2).output(0) if len(found) > 1 else found[0]
    return ov.Model([cells], [image], "views")


class _Size:
    """Batch, height and width of an image in the graph: i64 (1,) each, known once the graph has a static shape."""

    def __init__(self, image: Any, height: Any = None, width: Any = None) -> None:
        shape = ops.shape_of(image)
        self.image = image
        self.batch = _item(shape, 0)
        self.height = _item(shape, 2) if height is None else height
        self.width = _item(shape, 3) if width is None else width

    @property
    def height_width(self) -> Any:
        return ops.concat([self.height, self.width], 0)

    def scaled(self, scale: float) -> _Size:
        """To the nearest whole GRAIN, one at the least."""

        def side(whole: Any) -> Any:
            share = ops.multiply(ops.convert(whole, "f32"), ops.constant(np.float32(scale / GRAIN)))
            grains = ops.maximum(ops.round(share, "half_away_from_zero"), ops.constant(np.float32(1)))
            return ops.multiply(ops.convert(grains, "i64"), _whole([GRAIN]))

        return _Size(self.image, side(self.height), side(self.width))


def _named(raw: ov.Model, prefix: str) -> ov.Model:
    """A copy whose nodes are called by a prefix: NNCF wants names that are there once."""
    copy = raw.clone()
    for node in copy.get_ops():
        node.set_friendly_name(f"{prefix}/{node.get_friendly_name()}")
    return copy


def _applied(network: ov.Model, image: Any) -> Any:
    """The network on that image instead: its output."""
    for target in list(network.get_parameters()[0].output(0).get_target_inputs()):
        target.replace_source_output(image)
    return network.get_results()[0].input_value(0)


def _mirrored(network: ov.Model, image: Any, size: _Size) -> Any:
    """The mean of what an image and its mirror image give."""
    both = _applied(network, ops.concat([image, _turned(image, size.width, 3)], 0).output(0))
    plain, mirrored = ops.split(both, ops.constant(0), 2).outputs()
    channels = _item(ops.shape_of(both), 1)
    levels, first = [], _whole([0])
    for stride in STRIDES:
        rows, columns = ops.divide(size.height, _whole([stride])), ops.divide(size.width, _whole([stride]))
        last = ops.add(first, ops.multiply(rows, columns))
        level = ops.slice(mirrored, first, last, _whole([1]), _whole([2]))
        grid = ops.reshape(level, ops.concat([size.batch, channels, rows, columns], 0), False)
        row = ops.concat([size.batch, channels, _whole([-1])], 0)
        levels.append(ops.reshape(_turned(grid, columns, 3), row, False))
        first = last
    centre, rest = ops.variadic_split(ops.concat(levels, 2), ops.constant(1), _whole([1, -1])).outputs()
    back = ops.concat([ops.subtract(ops.convert(size.width, "f32"), centre), rest], 1)
    return ops.multiply(ops.add(plain, back), ops.constant(np.float32(0.5))).output(0)


def _turned(values: Any, length: Any, axis: int) -> Any:
    """Backwards along an axis of that length."""
    zero, one = ops.constant(np.int64(0)), ops.constant(np.int64(1))
    index = ops.subtract(ops.subtract(length, _whole([1])), ops.range(zero, ops.squeeze(length, zero), one, "i64"))
    return ops.gather(values, index, ops.constant(np.int64(axis)))


def _enlarged(cells: Any, size: _Size, of: _Size) -> Any:
    """Boxes in pixels of the whole input instead of those of the scaled one."""
    x = ops.divide(ops.convert(size.width, "f32"), ops.convert(of.width, "f32"))
    y = ops.divide(ops.convert(size.height, "f32"), ops.convert(of.height, "f32"))
    factors = ops.reshape(ops.concat([x, y, x, y], 0), _whole([1, 4, 1]), False)
    boxes, scores = ops.variadic_split(cells, ops.constant(1), _whole([4, -1])).outputs()
    return ops.concat([ops.multiply(boxes, factors), scores], 1).output(0)


def _check_levels(raw: ov.Model) -> None:
    """By counting the cells of a small square."""
    side = 4 * GRAIN
    small = raw.clone()
    small.reshape({0: ov.PartialShape([1, 3, side, side])})
    cells = small.get_results()[0].input_value(0).get_partial_shape()[2]
    wanted = sum((side // stride) ** 2 for stride in STRIDES)
    if not cells.is_static or cells.get_length() != wanted:
        raise ExportError(
            f"--scales and --mirror need a head with levels of 8, 16 and 32 pixels; "
            f"this one has {cells} cells at {side}x{side}"
        )


def _item(shape: Any, index: int) -> Any:
    return ops.gather(shape, _whole([index]), ops.constant(np.int64(0)))


def _whole(values: Sequence[int]) -> Any:
    return ops.constant(np.array(values, np.int64))
