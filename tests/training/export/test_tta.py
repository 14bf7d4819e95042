"""Views against a network of averages, whose every cell is known: itself, its mirror image, a smaller image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
import pytest
import typer
from openvino import opset13 as ops

from training.cli.arguments import views as read_views
from training.errors import ExportError
from training.export.test_time_augmentation import ONE_VIEW, STRIDES, TtaViews, with_augmentation

F32 = npt.NDArray[np.float32]
SIZE_WH = (192, 128)


def network(strides: tuple[int, ...] = STRIDES) -> ov.Model:
    """Boxes in the cells' centres, as large as the cell; scores: mean red, and mean green by how far right it is."""
    image = ops.parameter(ov.PartialShape([-1, 3, -1, -1]), np.float32, "x")
    zero, one = ops.constant(np.int64(0)), ops.constant(np.int64(1))
    width = ops.gather(ops.shape_of(image), ops.constant(np.int64(3)), zero)
    levels = []
    for stride in strides:
        pooled = ops.avg_pool(image, [stride] * 2, [0, 0], [0, 0], [stride] * 2, True)
        size = ops.shape_of(pooled)
        red, green = (ops.slice(pooled, *(whole([at]) for at in (channel, channel + 1, 1, 1))) for channel in (0, 1))

        def centres(axis: int, like: Any = red, size: Any = size, stride: int = stride) -> Any:
            steps = ops.range(zero, ops.gather(size, ops.constant(np.int64(axis)), zero), one, "f32")
            middles = ops.multiply(ops.add(steps, real(0.5)), real(stride))
            shape = [1, 1, -1, 1] if axis == 2 else [1, 1, 1, -1]
            return ops.add(ops.reshape(middles, whole(shape), False), ops.multiply(like, real(0)))

        x, y, side = centres(3), centres(2), ops.add(ops.multiply(red, real(0)), real(stride))
        right = ops.divide(ops.multiply(green, x), ops.convert(width, "f32"))
        grid = ops.concat([x, y, side, side, red, right], 1)
        levels.append(ops.reshape(grid, whole([0, 6, -1]), True))
    return ov.Model([ops.concat(levels, 2)], [image], "averages")


def real(value: float) -> Any:
    """A constant."""
    return ops.constant(np.float32(value))


def whole(values: list[int]) -> Any:
    """A constant."""
    return ops.constant(np.array(values, np.int64))


def run(model: ov.Model, images: F32) -> F32:
    """What a model gives for (n, 3, height, width)."""
    copy = model.clone()
    copy.reshape({0: ov.PartialShape(list(images.shape))})
    compiled = ov.Core().compile_model(copy, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled([images])[0], np.float32)


@pytest.fixture(scope="module")
def images() -> F32:
    """Two of noise, so that no cell is like another."""
    return np.random.default_rng(5).random((2, 3, *SIZE_WH[::-1])).astype(np.float32)


def test_mirror_images_are_averaged_cell_by_cell(images: F32) -> None:
    plain, both = (
        run(network(), images),
        run(with_augmentation(network(), TtaViews(mirror=True)), images),
    )
    assert both.shape == plain.shape
    np.testing.assert_allclose(both[:, :5], plain[:, :5], atol=1e-3)  # boxes and red: the same from both sides
    green = plain[:, 5] / (plain[:, 0] / SIZE_WH[0])
    np.testing.assert_allclose(both[:, 5], green / 2, atol=1e-3)  # right and left cancel each other out


def test_a_smaller_look_adds_its_cells_in_pixels_of_the_input(images: F32) -> None:
    plain, both = (
        run(network(), images),
        run(with_augmentation(network(), TtaViews((1.0, 0.5))), images),
    )
    own = plain.shape[2]
    np.testing.assert_allclose(both[:, :, :own], plain, atol=1e-5)
    smaller = both[:, :, own:]
    columns, rows = SIZE_WH[0] // 2 // STRIDES[0], SIZE_WH[1] // 2 // STRIDES[0]
    assert smaller.shape[2] == sum(96 // stride * (64 // stride) for stride in STRIDES)
    finest = smaller[:, :, : columns * rows].reshape(2, 6, rows, columns)
    np.testing.assert_allclose(finest[:, 0, 0], np.broadcast_to((np.arange(columns) + 0.5) * 16, (2, columns)))
    np.testing.assert_allclose(finest[:, 1, :, 0], np.broadcast_to((np.arange(rows) + 0.5) * 16, (2, rows)))
    assert (smaller[:, 2:4, : columns * rows] == 2 * STRIDES[0]).all()
    for column, row in ((0, 0), (5, 3), (11, 7)):
        area = images[:, 0, row * 16 : row * 16 + 16, column * 16 : column * 16 + 16]
        np.testing.assert_allclose(finest[:, 4, row, column], area.mean((1, 2)), atol=0.02)


def test_scales_are_rounded_to_whole_cells_of_the_coarsest_level(images: F32) -> None:
    """0.7 of 192x128 are 134.4x89.6: 128x96 it is."""
    both = run(with_augmentation(network(), TtaViews((1.0, 0.7), mirror=True)), images)
    own = run(network(), images).shape[2]
    assert both.shape[2] - own == sum(128 // stride * (96 // stride) for stride in STRIDES)


def test_the_network_stays_as_it_is(images: F32) -> None:
    raw = network()
    before = run(raw, images)
    with_augmentation(raw, TtaViews((1.0, 0.5), mirror=True))
    assert np.array_equal(run(raw, images), before)


def test_every_node_has_a_name_of_its_own() -> None:
    """Quantisation (NNCF) finds them by it."""
    names = [
        node.get_friendly_name() for node in with_augmentation(network(), TtaViews((1.0, 0.5), mirror=True)).get_ops()
    ]
    assert len(names) == len(set(names))


def test_a_head_with_other_levels_is_refused() -> None:
    with pytest.raises(ExportError, match="need a head with levels of 8, 16 and 32 pixels"):
        with_augmentation(network((8, 16)), TtaViews(mirror=True))


def test_views_are_read_from_the_command_line() -> None:
    assert read_views("1", False) == ONE_VIEW
    assert read_views("1,0.7", True) == TtaViews((1.0, 0.7), mirror=True)
    for wrong in ("0.7,1", "1,x", "1,-1", "1,1.0", "1,3", ""):
        with pytest.raises(typer.BadParameter):
            read_views(wrong, False)
