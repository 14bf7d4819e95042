"""One decoded frame with its identity and times. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from ulid import ULID


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame. `image` is read-only and reference-counted: it is freed with the last reference.

    number: index of the frame in the decoder's output, presentation order, from 0 in each session.
    ordinal: like number, but counting the frames that were never decoded too (for `skipped`).
    pts_us: presentation time in microseconds since the session began.
    captured_at_ns: wall clock when the frame's last packet arrived, before decoding.
    arrived_s: time.monotonic() of the same moment: ages are measured against it.
    decode_s: seconds spent decoding it.
    small: `image` in BGR, smaller, where its decoder made that too (`stream/decoding/still.py`).
    """

    stream_id: str
    session: str
    number: int
    ordinal: int
    pts_us: int
    captured_at_ns: int
    arrived_s: float
    decode_s: float
    image: av.VideoFrame
    small: npt.NDArray[np.uint8] | None = None

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels of the coded, unrotated frame."""
        return self.image.width, self.image.height

    def to_bgr(self) -> npt.NDArray[np.uint8]:
        """The whole frame as a new u8 array (height, width, 3), BGR. For stills; the hot path is `letterbox`."""
        return cast("npt.NDArray[np.uint8]", self.image.to_ndarray(format="bgr24"))


def new_session() -> str:
    """A new session id: a ULID, so that sessions sort by their start."""
    return str(ULID())
