"""Pictures with the boxes of their very frame: those that a node made, as they are shown."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from monitoring.store.overlay import boxes_of, with_boxes
from stream.frame import new_session
from tests.monitoring.boxes import kept_boxes
from tests.peers.numbers import draw_number, read_number
from tests.web.boxed_numbers import MARGIN_PX, ROWS_PX, STEP_PX, WIDTH_PX, BoxedNumberEngine
from tests.workers.images.test_best_shots import Camera
from workers.bus.media import Snapshot
from workers.settings import SnapshotSettings

GREY = 90
SESSIONS = 10
TEXTURE = np.random.default_rng(0).integers(80, 100, (48, 80, 3), np.uint8)
"""What is flat has no sharpness, and so no best crop."""

Image = np.ndarray


def decoded(jpeg: bytes) -> Image:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image)


def drawn_at(image: Image, bare: Image, box: tuple[int, int, int, int]) -> float:
    """How much the lower edge of this box changed the picture, in the strongest of five rows."""
    x1, _, x2, y2 = box
    rows = np.abs(image[y2 - 2 : y2 + 3, x1 + 8 : x2 - 8].astype(int) - bare[y2 - 2 : y2 + 3, x1 + 8 : x2 - 8])
    return float(rows.mean((1, 2)).max())


def numbered(number: int) -> av.VideoFrame:
    image = draw_number(np.repeat(TEXTURE, 8, 0).repeat(8, 1), number)
    return av.VideoFrame.from_ndarray(image, format="bgr24")


def box_of(number: int, row: int) -> tuple[int, int, int, int]:
    """Where the engine saw the box of this row in the picture of that number: twice its own pixels."""
    left = MARGIN_PX + STEP_PX * (number >> 6 * row & 63)
    return 2 * left, 2 * ROWS_PX[row][0], 2 * (left + WIDTH_PX), 2 * ROWS_PX[row][1]


def test_the_overlay_is_of_the_pictures_own_frame_and_track(no_thread_left: None) -> None:
    """Two boxes that move in every frame; the picture says its number, and so where its boxes are."""
    camera = Camera(BoxedNumberEngine(), SnapshotSettings(again_s=0), blur=False)  # type: ignore[arg-type]
    number = 1
    try:
        for session in range(1, SESSIONS + 1):
            camera.session = new_session()
            for _ in range(400):
                if len(camera.messages) >= 4 * session:
                    break
                camera.show(numbered(number))
                number = (number + 65) % 4096  # both boxes move
    finally:
        camera.pipeline.close()
    shown = [message for message in camera.messages if ("view", b"picture") in message.headers]
    assert len(shown) >= 2 * SESSIONS
    rows = set()
    for message in shown:
        told = Snapshot.model_validate({name: value.decode() for name, value in message.headers})
        bare, image = decoded(message.value), decoded(with_boxes(message.value, boxes_of(told)))
        row = 0 if told.numbers("box")[1] < 100 else 1
        own, other = (box_of(read_number(bare), at) for at in (row, 1 - row))
        assert drawn_at(image, bare, own) > 1.5 * drawn_at(image, bare, other) > 35
        rows.add(row)
    assert rows == {0, 1}


def test_a_crop_shows_its_part() -> None:
    bare = np.full((100, 200, 3), GREY, np.uint8)
    jpeg = cv2.imencode(".jpg", bare)[1].tobytes()
    crop = decoded(with_boxes(jpeg, kept_boxes((300, 100, 400, 150), (7, (320, 110, 380, 140)))))
    assert drawn_at(crop, bare, (40, 20, 160, 80)) > 40
    assert with_boxes(jpeg, None) == jpeg


@pytest.mark.parametrize("boxes", ["", "[", '[{"track_id": 7}]', "[" + ",".join(["{}"] * 65) + "]"])
def test_boxes_that_cannot_be_read(boxes: str) -> None:
    told = Snapshot.model_validate(
        {"view": "crop", "session": "s", "track": 7, "pts_us": 1, "captured_at_ns": 1, "detector": "mask",
         "label": "face", "confidence": 0.9, "quality": 1, "box": "1,1,2,2", "region": "0,0,9,9", "size": "9,9",
         "node": "n", "boxes": boxes}
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"validation error"):
        boxes_of(told)
