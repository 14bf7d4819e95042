"""When a track that a model has looked at is looked at again. Pure but for the pixels it measures.

Both the classifiers and the face model look at a track once, and again when its crop got clearly better.
"""

from __future__ import annotations

from dataclasses import dataclass

from stream.frame import Frame
from workers.bus.result import Detection
from workers.images.crop_quality import crop_quality
from workers.images.crops import crop_region


@dataclass(frozen=True, slots=True)
class Again:
    """gain: how many times as good a crop must be. every_s: least time between two comparisons; of the stream."""

    gain: float
    every_s: float


@dataclass(slots=True)
class LastLook:
    """The crop of a track that one model got last. `compared_us`: when a crop was last compared with it."""

    label: str
    quality: float
    compared_us: int

    def better(self, frame: Frame, found: Detection, margin: float, again: Again) -> float | None:
        """The quality of this frame's crop, if it is to be looked at: it is clearly better, or the label is another.

        Else None, also when it is too early to compare.
        """
        if frame.pts_us - self.compared_us < again.every_s * 1e6:
            return None
        self.compared_us = frame.pts_us
        quality = quality_of(frame, found, margin)
        return quality if self.label != found.label or quality >= again.gain * self.quality else None


def quality_of(frame: Frame, found: Detection, margin: float) -> float:
    """How good the crop of a detection is, widened by `margin` (see crop_region)."""
    return crop_quality(frame.image, crop_region(found.xyxy, margin, frame.size_wh), found.confidence)
