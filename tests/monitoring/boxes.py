"""What is kept of a picture's boxes, for tests. Pure."""

from __future__ import annotations

from monitoring.store.overlay import boxes_of
from workers.bus.media import SEEN_BOXES, SeenBox, Snapshot, joined

Box = tuple[float, float, float, float]


def kept_boxes(region: Box, own: tuple[int, Box], *others: tuple[int, Box]) -> str:
    """`boxes` of a MediaFile: numbers of tracks and their boxes; region: what the picture shows of the frame."""
    seen = tuple(SeenBox(track_id=track, label="face", confidence=0.9, xyxy=box) for track, box in (own, *others))
    told = Snapshot(
        view="picture",
        session="s",
        track=own[0],
        pts_us=1,
        captured_at_ns=1,
        detector="mask",
        label="face",
        confidence=0.9,
        quality=1,
        box=joined(own[1]),
        region=joined(region),
        size=joined((640, 360)),
        node="n",
        boxes=SEEN_BOXES.dump_json(seen).decode(),
    )
    kept = boxes_of(told)
    assert kept is not None
    return kept
