"""The tags of a frame: labels, people, empty, crowded, night, blurred. Pure; a few microseconds a frame.

Zones are the monitor's, which tells them in the scene's caption; tags that a user taught come with the figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workers.bus.result import Detection, ImageFigures
from workers.settings import TagSettings

EMPTY, CROWDED, NIGHT, BLURRED = "empty", "crowded", "night", "blurred"
LABEL, PERSON, TAUGHT = "label:", "person:", "taught:"
"""What stands before a label, a person's id, and the name of a tag that a user taught."""


def frame_tags(detections: Sequence[Detection], figures: ImageFigures, settings: TagSettings) -> tuple[str, ...]:
    """In alphabetical order. detections: of the frame; figures: the newest, which may be of a frame before;
    their own tags stay.

    A black image has no focus, so it is night and not blurred.
    """
    return tuple(sorted({*figures.tags, *_of_detections(detections, settings), *_of_figures(figures, settings)}))


def _of_detections(detections: Sequence[Detection], settings: TagSettings) -> Iterator[str]:
    for one in detections:
        yield f"{LABEL}{one.label}"
        if one.identity is not None:
            yield f"{PERSON}{one.identity.person}"
    if not detections:
        yield EMPTY
    if len(detections) >= settings.crowded:
        yield CROWDED


def _of_figures(figures: ImageFigures, settings: TagSettings) -> Iterator[str]:
    if figures.brightness < settings.night_brightness:
        yield NIGHT
    elif figures.focus is not None and figures.focus < settings.blurred_focus:
        yield BLURRED
