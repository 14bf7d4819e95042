"""The model that ships, over a real clip with ground truth, and over faces at webcam distance."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import supervision as sv

from stream.config import StreamConfig, StreamSettings
from stream.sources.source_urls import open_source
from workers.bus.result import FrameResult, frame_json_schema
from workers.inference.analyze import analyze
from workers.model_card import ModelStore, load_card, shipped_models_dir
from workers.settings import WorkerSettings


def run(path: Path, model: str = "mask") -> list[FrameResult]:
    source = open_source(StreamConfig(id="clip", url=f"file:{path}"), StreamSettings(), live=False, allow_local=True)
    return list(analyze(source, (model,), ModelStore([shipped_models_dir()]), WorkerSettings()))


@pytest.mark.parametrize("model", ["mask", "mask-accurate"])
def test_the_card_matches_its_files(model: str) -> None:
    card = load_card(ModelStore([shipped_models_dir()]).folder(model))
    assert card.classes == ("with_mask", "without_mask", "mask_weared_incorrect")


def test_clip_against_its_ground_truth(data_dir: Path) -> None:
    clip = data_dir / "videos" / "facemask_motion_640x360.mp4"
    truth = json.loads(clip.with_suffix(".json").read_text())["frames"]
    results = run(clip)
    assert [result.frame for result in results] == list(range(len(truth)))
    schema = frame_json_schema()
    found = matched = labelled_right = expected = 0
    for result, objects in zip(results, (entry["objects"] for entry in truth), strict=True):
        jsonschema.validate(json.loads(result.to_json()), schema)
        expected += len(objects)
        found += len(result.detections)
        if not (objects and result.detections):
            continue
        ious = sv.box_iou_batch(
            np.array([item["box"] for item in objects]), np.array([item.xyxy for item in result.detections])
        )
        while ious.size and ious.max() >= 0.5:
            row, column = np.unravel_index(ious.argmax(), ious.shape)
            matched += 1
            labelled_right += objects[row]["label"] == result.detections[column].label
            ious[row, :] = ious[:, column] = 0
    figures = {"recall": matched / expected, "precision": matched / found, "label": labelled_right / matched}
    assert figures["recall"] >= 0.8 and figures["precision"] >= 0.8 and figures["label"] >= 0.85, figures


def test_two_runs_agree(data_dir: Path) -> None:
    clip = data_dir / "videos" / "facemask_motion_640x360.mp4"
    first, second = run(clip), run(clip)
    assert [item.detections for item in first] == [item.detections for item in second]
    assert any(item.track_id for result in first for item in result.detections)


@pytest.mark.parametrize(
    ("clip", "model"),
    [
        ("head-pose-face-detection-male.mp4", "mask"),
        ("asl_book.mkv", "mask"),
        ("head-pose-face-detection-male.mp4", "mask-accurate"),
    ],
)
def test_a_face_at_webcam_distance_is_seen_without_mask(data_dir: Path, clip: str, model: str) -> None:
    results = run(data_dir / "videos" / clip, model)
    bare = sum(any(item.label == "without_mask" for item in result.detections) for result in results)
    assert bare / len(results) >= 0.8
