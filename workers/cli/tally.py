"""What was seen in a number of pictures, in sum. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from workers.bus.result import FrameResult


@dataclass(slots=True)
class LabelTally:
    """One label of one detector."""

    detections: int = 0
    frames: int = 0
    confidence_sum: float = 0.0
    tracks: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def confidence(self) -> float:
        """The mean."""
        return self.confidence_sum / self.detections if self.detections else 0.0


class Tally:
    """Sums results up."""

    def __init__(self) -> None:
        self.frames = 0
        self.frames_with = 0
        self.labels: dict[tuple[str, str], LabelTally] = {}
        self.models: dict[str, int] = {}

    def add(self, result: FrameResult) -> None:
        """Count one more picture."""
        self.frames += 1
        self.frames_with += bool(result.detections)
        self.models.update(result.models)
        for found in result.detections:
            tally = self.labels.setdefault((found.detector, found.label), LabelTally())
            tally.detections += 1
            tally.confidence_sum += found.confidence
            if found.track_id is not None:
                tally.tracks[(result.session, found.track_id)] += 1
        for key in {(found.detector, found.label) for found in result.detections}:
            self.labels[key].frames += 1
