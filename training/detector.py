"""Train the mask detector with Ultralytics. Runs in its own process, for minutes to hours.

    python -m training.detector --facemask DIR --maskcls DIR --yunet FILE --weights yolov8n.pt --out runs/mask

An interrupted run goes on with `--resume`. Needs the extra `train`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.dataset import DatasetSettings, build


def train(
    facemask: Annotated[Path, typer.Option(help="Folder with images/, annotations/ and split.json.")],
    maskcls: Annotated[Path, typer.Option(help="Folder with with_mask/ and without_mask/ face crops.")],
    yunet: Annotated[Path, typer.Option(help="YuNet ONNX weights, to find the face in each crop.")],
    weights: Annotated[Path, typer.Option(help="Start weights, for example yolov8n.pt.")],
    out: Annotated[Path, typer.Option(help="Where data set and runs go.")] = Path("runs/mask"),
    epochs: int = 10,
    imgsz: int = 416,
    batch: int = 16,
    resume: bool = False,
) -> None:
    """Build the data set, then train. The best checkpoint is OUT/train/weights/best.pt."""
    from ultralytics import YOLO

    last = out / "train" / "weights" / "last.pt"
    if resume:
        YOLO(last).train(resume=True)
        return
    data = build(DatasetSettings(facemask=facemask, maskcls=maskcls, yunet=yunet, out=out / "data"))
    YOLO(weights).train(
        data=str(data),
        epochs=epochs,
        imgsz=imgsz,
        batch=batch,
        optimizer="AdamW",
        lr0=0.0012,
        lrf=0.03,
        cos_lr=True,
        warmup_epochs=1,
        mosaic=1.0,
        close_mosaic=3,
        scale=0.5,
        hsv_h=0.015,
        hsv_s=0.6,
        hsv_v=0.4,
        fliplr=0.5,
        degrees=5.0,
        project=str(out.resolve()),
        name="train",
        exist_ok=True,
        device="cpu",
        workers=0,
        cache="ram",
        seed=7,
        val=True,
        plots=True,
    )


if __name__ == "__main__":
    typer.run(train)
