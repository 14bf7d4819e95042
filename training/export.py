"""From a checkpoint to a folder that serves: OpenVINO graph, checks, card. Runs in its own process.

    python -m training.export --checkpoint best.pt --images DIR --calibrate DIR --card-json FILE --out models

The graph takes u8 NHWC, normalises, and ends in boxes after class-agnostic NMS. The NMS is ours, from OpenVINO's
opset: the one that Ultralytics 8.4 exports (`nms=True, dynamic=True`) is traced for one picture and returns boxes for
the first slot of a batch only (measured; `check_slots` refuses it). Its thresholds are as low as they go; the card's
apply afterwards (DESIGN 7). Needs the extra `train`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import av
import cv2
import numpy as np
import openvino as ov
import typer
from openvino import opset13 as ops

from training.errors import ExportError
from workers.card import CARD_FILE, ModelCard, sha256_of
from workers.engine import F32, U8
from workers.letterbox import Letterbox
from workers.openvino_engine import GRAPH, GRAPH_INT8, by_slot

MOST_BOXES = 100
LEAST_CONFIDENCE = 0.01
MOST_OVERLAP = 0.5
PAD_VALUE = 114
SHAPES_WH = ((416, 256), (416, 416), (256, 416))
TOLERANCE_PX = 1.0


def export(
    checkpoint: Annotated[Path, typer.Option(help="Ultralytics checkpoint (.pt).")],
    images: Annotated[Path, typer.Option(help="Folder of pictures for the checks.")],
    out: Annotated[Path, typer.Option(help="The models folder; NAME/VERSION is made in it.")],
    calibrate: Annotated[Path, typer.Option(help="Folder of training pictures that int8 is calibrated on.")],
    card_json: Annotated[Path, typer.Option(help="JSON with the card's data, metrics, licence and thresholds.")],
    name: str = "mask",
    version: int = 1,
) -> None:
    """Export, check every batch slot against single pictures, write the folder whole or not at all."""
    target = out / name / str(version)
    if target.exists():
        raise typer.BadParameter(f"{target} exists; a version is never overwritten", param_hint="--version")
    with tempfile.TemporaryDirectory(dir=_made(out / name), prefix=".export-") as temporary:
        folder = Path(temporary) / str(version)
        folder.mkdir()
        graph, classes = _graph(checkpoint, Path(temporary))
        check_slots(graph, _pictures(images, 4))
        ov.save_model(graph, folder / GRAPH, compress_to_fp16=True)
        ov.save_model(quantized(graph, calibrate), folder / GRAPH_INT8, compress_to_fp16=True)
        files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
        card = ModelCard(
            name=name,
            version=version,
            task="detect",
            classes=classes,
            shapes_wh=SHAPES_WH,
            pad_value=PAD_VALUE,
            files=files,
            **json.loads(card_json.read_text()),
        )
        (folder / CARD_FILE).write_text(card.model_dump_json(by_alias=True, indent=1) + "\n")
        folder.rename(target)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _graph(checkpoint: Path, scratch: Path) -> tuple[ov.Model, tuple[str, ...]]:
    """The checkpoint as a graph of dynamic size: u8 NHWC RGB in, rows of boxes out (see `_with_nms`)."""
    from ultralytics import YOLO

    copy = scratch / "model.pt"
    shutil.copy(checkpoint, copy)
    model = YOLO(copy)
    folder = model.export(format="openvino", imgsz=(SHAPES_WH[0][1], SHAPES_WH[0][0]), dynamic=True)
    graph = _with_nms(ov.Core().read_model(next(Path(folder).glob("*.xml"))))
    wrap = ov.preprocess.PrePostProcessor(graph)
    wrap.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    wrap.input().model().set_layout(ov.Layout("NCHW"))
    wrap.input().preprocess().convert_element_type(ov.Type.f32).scale(255.0)
    return wrap.build(), tuple(model.names[index] for index in range(len(model.names)))


def _with_nms(raw: ov.Model) -> ov.Model:
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


def check_slots(graph: ov.Model, pictures: list[U8]) -> None:
    """Refuse a graph whose batch mixes its pictures' boxes: each slot must give what its picture gives alone.

    Raises ExportError naming the slot.
    """
    for width, height in SHAPES_WH:
        resized = np.stack([cv2.resize(picture, (width, height)) for picture in pictures]).astype(np.uint8)
        alone = [_infer(graph, resized[index : index + 1])[0] for index in range(len(pictures))]
        together = _infer(graph, resized)
        for index, (one, many) in enumerate(zip(alone, together, strict=True)):
            ours, theirs = one[one[:, 4] > 0.1], many[many[:, 4] > 0.1]
            if len(ours) != len(theirs) or (len(ours) and np.abs(ours[:, :4] - theirs[:, :4]).max() > TOLERANCE_PX):
                raise ExportError(f"slot {index} of a batch at {width}x{height} does not give its own picture's boxes")


def quantized(graph: ov.Model, folder: Path, count: int = 300) -> ov.Model:
    """The graph with int8 weights and activations, calibrated by NNCF on letterboxed pictures, evenly picked.

    For CPUs that have int8 instructions (VNNI) but no bfloat16: measured 1.6 times the speed on such a one.
    """
    import nncf

    paths = sorted(folder.glob("*.jpg"))
    letterbox, shape = Letterbox(), SHAPES_WH[0]

    def prepare(path: Path) -> U8:
        tensor = np.zeros((1, shape[1], shape[0], 3), np.uint8)
        picture = av.VideoFrame.from_ndarray(_read(path), format="bgr24")
        letterbox.fill(picture, tensor[0], PAD_VALUE, "rgb")
        return tensor

    chosen = paths[:: max(1, len(paths) // count)][:count]
    model: ov.Model = nncf.quantize(
        graph.clone(),
        nncf.Dataset(chosen, prepare),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(chosen),
    )
    return model


def _infer(graph: ov.Model, batch: U8) -> F32:
    model = graph.clone()
    model.reshape({0: ov.PartialShape(list(batch.shape))})
    compiled: Any = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return by_slot(np.asarray(compiled([batch])[0], np.float32), len(batch))


def _pictures(folder: Path, count: int) -> list[U8]:
    paths = sorted(folder.glob("*.jpg"))[:count]
    if len(paths) < count:
        raise ExportError(f"{folder}: fewer than {count} pictures (*.jpg)")
    return [cv2.cvtColor(_read(path), cv2.COLOR_BGR2RGB).astype(np.uint8) for path in paths]


def _read(path: Path) -> U8:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise ExportError(f"{path}: missing or not a readable picture")
    return picture.astype(np.uint8)


if __name__ == "__main__":
    typer.run(export)
