"""How well people, faces and cars are followed at 25, 10, 5 and 3 pictures a second, and what it costs. One thread.

The detectors' boxes of four shared clips, thinned as `max_fps` thins them, go through Livesight's tracker and those of
the package `trackers`, and then through the monitor's events. Settings were chosen on the clips marked `chosen`; the
others judge. Exit code 1 when on a clip that judges there are more than 1.15 times the tracks or zone entries at 5 than
at 10, or IDF1 at 5 is below 0.9 of that at 25, or tracking takes more than 1 ms a frame at 20 boxes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import numpy as np
import supervision as sv
from machine import describe
from shared_data import data_dir
from trackers import BoTSORTTracker, ByteTrackTracker, CBIoUTracker, OCSORTTracker, SORTTracker
from tracking_boxes import PEOPLE, PEOPLE_CONFIDENCE, Boxes, Truth, boxes_of, truth_of
from tracking_judge import Case, Figures, Judge

from stream.decoding.fps_limit import FpsLimit
from stream.frame import Frame
from workers.inference.tracking import Tracker

RATES = (25.0, 10.0, 5.0, 3.0)
MOST_MORE, LEAST_IDF1, MOST_MS = 1.15, 0.9, 1.0
LOST_S = 1.0

Follow = Callable[[np.ndarray, int], np.ndarray]
"""Boxes (n, 6) of a picture and its pts_us → (n, 7): the same and their track, -1 without."""


CASES = (
    Case("intel_car-detection.mp4", PEOPLE, PEOPLE_CONFIDENCE, chosen=True),
    Case("short_hamilton_clip.mp4", "mask-accurate", 0.25, 83, 274, (211,), chosen=True),
    Case("short_hamilton_clip.mp4", "mask", 0.35, 83, 274, (211,), chosen=True),
    Case("vtest.avi", PEOPLE, PEOPLE_CONFIDENCE, 0, 399),
    Case("facemask_motion_640x360.mp4", "mask-accurate", 0.25, cuts=(30, 60, 90, 120, 150)),
    Case("facemask_motion_640x360.mp4", "mask", 0.35, cuts=(30, 60, 90, 120, 150)),
)


def ours(confidence: float) -> Follow:
    """The tracker that is served."""
    tracker = Tracker(confidence)

    def follow(rows: np.ndarray, pts_us: int) -> np.ndarray:
        told = tracker.update(rows.astype(np.float32), pts_us)
        return np.column_stack([told.xyxy, told.confidence, told.class_id, told.track_id])

    return follow


def of_package(kind: type[Any], **chosen: Any) -> Callable[[float], Follow]:
    """A tracker of the package `trackers`, told the time, with thresholds as ours."""

    def make(confidence: float) -> Follow:
        high = {} if kind is SORTTracker else {"high_conf_det_threshold": confidence}
        start = {} if kind is OCSORTTracker else {"track_activation_threshold": confidence}
        tracker = kind(lost_track_buffer=round(30 * LOST_S), minimum_consecutive_frames=2, **high, **start, **chosen)

        def follow(rows: np.ndarray, pts_us: int) -> np.ndarray:
            boxes = sv.Detections(
                rows[:, :4].astype(np.float32), confidence=rows[:, 4], class_id=rows[:, 5].astype(int)
            )
            told = tracker.update(boxes, timestamp=pts_us / 1e6)
            if not len(told):
                return np.zeros((0, 7))
            return np.column_stack([told.xyxy, told.confidence, told.class_id, told.tracker_id])

        return follow

    return make


TRACKERS: dict[str, Callable[[float], Follow]] = {
    "Livesight": ours,
    "ByteTrack": of_package(ByteTrackTracker, minimum_iou_threshold=0.1),
    "SORT": of_package(SORTTracker, minimum_iou_threshold=0.1),
    "OC-SORT": of_package(OCSORTTracker),
    "BoT-SORT": of_package(BoTSORTTracker, enable_cmc=False, instant_first_frame_activation=False),
    "C-BIoU": of_package(CBIoUTracker, instant_first_frame_activation=False),
}


def follow_case(case: Case, make: Callable[[float], Follow], fps: float, boxes: Boxes, truth: Truth) -> Figures:
    """One tracker at one rate. After a cut it starts anew: cameras do not cut."""
    judge, limit, follow, base, most = Judge(case, boxes, truth), FpsLimit(fps), make(case.confidence), 0, -1
    blank = av.VideoFrame(16, 16, "yuv420p")
    cuts = [cut for cut in case.cuts if cut > case.first]
    for number in range(case.first, min(case.last + 1, len(boxes.rows))):
        if not limit.admits(Frame("bench", "s", number, number, boxes.pts_us[number], 0, 0.0, 0.0, blank)):
            continue
        if cuts and number >= cuts[0]:
            cuts, follow, base = cuts[1:], make(case.confidence), most + 1
        rows = boxes.rows[number]
        told = follow(rows[rows[:, 4] >= 0.1], boxes.pts_us[number])
        told[:, 6] = np.where(told[:, 6] < 0, -1, told[:, 6] + base)
        most = max(most, int(told[:, 6].max(initial=-1)))
        judge.take(number, told)
    return judge.figures()


def cost_ms(make: Callable[[float], Follow], boxes: int = 20, pictures: int = 500) -> float:
    """CPU milliseconds of one picture with so many boxes that walk at 5 fps; the median."""
    chance = np.random.default_rng(0)
    start, pace = chance.uniform(100, 1800, (boxes, 2)), chance.normal(0, 40, (boxes, 2))
    half, follow, spent = chance.uniform(20, 60, (boxes, 1)), make(0.35), []
    for number in range(pictures):
        at = np.mod(start + pace * number / 5, 1800)
        xyxy = np.hstack([at - half, at + half]) + chance.normal(0, 1, (boxes, 4))
        rows = np.hstack([xyxy, np.full((boxes, 1), 0.8), np.zeros((boxes, 1))])
        began_s = time.thread_time()
        follow(rows, number * 200_000)
        spent.append(time.thread_time() - began_s)
    return round(1000 * float(np.median(spent)), 2)


def missed(case: Case, by_rate: dict[float, Figures]) -> list[str]:
    """What does not hold of our own tracker on a case that judges."""
    if case.chosen:
        return []
    fast, ten, five = by_rate[25.0], by_rate[10.0], by_rate[5.0]
    where = f"{case.clip}, {case.model}"
    return [
        f"{where}: {what}"
        for what, held in (
            (f"{five.tracks} tracks at 5 fps, {ten.tracks} at 10", five.tracks <= MOST_MORE * ten.tracks),
            (f"{five.zones} zone entries at 5 fps, {ten.zones} at 10", five.zones <= MOST_MORE * ten.zones),
            (f"IDF1 {five.idf1} at 5 fps, {fast.idf1} at 25", five.idf1 >= LEAST_IDF1 * fast.idf1),
        )
        if not held
    ]


def table(case: Case, people: int, found: dict[str, dict[float, Figures]]) -> list[str]:
    """One case as Markdown."""
    title = f"{case.clip}, {case.model}: {people} in truth ({'chosen on' if case.chosen else 'judges'})"
    head = f"| {title} | " + " | ".join(f"{rate:g} fps" for rate in RATES) + " |"
    rows = [
        f"| {name} | "
        + " | ".join(
            f"{each.hota:.2f} / {each.idf1:.2f} / {each.switches} / {each.tracks} / {each.zones}"
            for each in by_rate.values()
        )
        + " |"
        for name, by_rate in found.items()
    ]
    return [head, "|---|" + "---|" * len(RATES), *rows, ""]


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=data_dir())
    parser.add_argument("--kept", type=Path, default=Path("artifacts/bench/tracking"), help="the detectors' boxes")
    parser.add_argument("--out", type=Path, default=Path("artifacts/bench"))
    options = parser.parse_args()
    lines, report, faults = ["HOTA / IDF1 / switches / tracks begun / zones entered", ""], [], []
    for case in CASES:
        clip = options.data / "videos" / case.clip
        boxes, truth = boxes_of(clip, case.model, options.kept), truth_of(clip)
        found = {
            name: {fps: follow_case(case, make, fps, boxes, truth) for fps in RATES} for name, make in TRACKERS.items()
        }
        lines += table(case, len({int(each) for ids, _ in truth.values() for each in ids}), found)
        faults += missed(case, found["Livesight"])
        report.append(
            {
                "case": asdict(case),
                "found": {
                    name: {f"{fps:g}": asdict(each) for fps, each in by_rate.items()} for name, by_rate in found.items()
                },
            }
        )
    costs = {name: cost_ms(make) for name, make in TRACKERS.items()}
    lines += ["| CPU ms a frame at 20 boxes | " + " | ".join(costs) + " |", "|---|" + "---|" * len(costs)]
    lines += ["| | " + " | ".join(f"{cost:.2f}" for cost in costs.values()) + " |", ""]
    faults += [f"tracking takes {costs['Livesight']} ms"] * (costs["Livesight"] > MOST_MS)
    options.out.mkdir(parents=True, exist_ok=True)
    written = {"machine": describe(), "cases": report, "cost_ms": costs, "missed": faults}
    (options.out / "tracking.json").write_text(json.dumps(written, indent=1) + "\n")
    (options.out / "tracking.md").write_text("\n".join(lines))
    sys.stdout.write("\n".join([*lines, *faults]) + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
