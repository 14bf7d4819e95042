"""Numbered clips made at run time with PyAV. Pure but for the files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import PictureType
from av.video.stream import VideoStream

from tests.peers.numbers import numbered_image

Image = npt.NDArray[np.uint8]
ENCODERS = {
    "h264": "libx264",
    "hevc": "libx265",
    "vp8": "libvpx",
    "vp9": "libvpx-vp9",
    "av1": "libsvtav1",
    "mpeg4": "mpeg4",
    "mjpeg": "mjpeg",
}


@dataclass(frozen=True)
class ClipSpec:
    """How a clip is encoded. `b_frames` 0 means that decode order is presentation order."""

    frames: int = 100
    fps: int = 25
    size_wh: tuple[int, int] = (320, 180)
    codec: str = "h264"
    b_frames: int = 0
    gop: int = 25
    bit_rate: int = 1_000_000
    first_number: int = 0


def _open_encoder(container: av.container.OutputContainer, spec: ClipSpec) -> VideoStream:
    stream = container.add_stream(ENCODERS[spec.codec], rate=spec.fps)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = spec.size_wh
    stream.pix_fmt = "yuvj420p" if spec.codec == "mjpeg" else "yuv420p"
    stream.bit_rate = spec.bit_rate
    context = stream.codec_context
    context.time_base = Fraction(1, spec.fps)
    context.gop_size = spec.gop
    context.thread_count = 1
    if spec.codec == "h264":
        context.max_b_frames = spec.b_frames
        keys = f"keyint={spec.gop}:min-keyint={spec.gop}:scenecut=0:bframes={spec.b_frames}:b-adapt=0"
        stream.options = {"preset": "veryfast", "x264-params": f"{keys}:threads=1"}
    elif spec.codec == "hevc":
        keys = f"keyint={spec.gop}:min-keyint={spec.gop}:scenecut=0:bframes={spec.b_frames}:open-gop=0"
        stream.options = {"preset": "ultrafast", "x265-params": f"{keys}:pools=1:log-level=none"}
    elif spec.codec == "av1":
        stream.options = {"preset": "10", "svtav1-params": "lp=1:pred-struct=1:rc=2"}
    elif spec.codec in ("vp8", "vp9"):
        stream.options = {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "0", "lag-in-frames": "0"}
    elif spec.codec == "mpeg4" and spec.b_frames:
        context.max_b_frames = spec.b_frames
    return stream


@contextmanager
def _own_priority() -> Iterator[None]:
    """SVT-AV1, run as root, makes the thread that calls it a real-time one; all that it starts later would be too."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def encode(path: Path, spec: ClipSpec, pictures: Iterator[av.VideoFrame]) -> Path:
    """Encode pictures into `path`; the suffix names the container (.mp4, .mkv, .avi, .webm, .h264 for Annex B).

    Raw H.264 carries no times: with B-frames the presentation order goes into `PATH.pts`, for the RTSP server.
    """
    order: list[int] = []
    raw = "h264" if path.suffix == ".h264" else None
    with _own_priority(), av.open(str(path), "w", format=raw) as container:
        stream = _open_encoder(container, spec)

        def write(picture: av.VideoFrame | None) -> None:
            for packet in stream.encode(picture):
                assert packet.pts is not None and packet.time_base is not None
                order.append(round(packet.pts * packet.time_base * spec.fps))
                container.mux(packet)

        for index, picture in enumerate(pictures):
            picture.pts = index
            picture.time_base = Fraction(1, spec.fps)
            picture.pict_type = PictureType.NONE
            write(picture)
        write(None)
    if path.suffix == ".h264" and spec.b_frames:
        path.with_name(f"{path.name}.pts").write_text("".join(f"{index}\n" for index in order))
    return path


def make_numbered(path: Path, spec: ClipSpec | None = None, draw: Callable[[int], Image] | None = None) -> Path:
    """A clip whose picture i carries the number `first_number + i`.

    draw: gives the u8 BGR picture (height, width, 3) for a number instead; it draws the number itself if it wants one.
    """
    spec = spec or ClipSpec()
    make = draw or (lambda number: numbered_image(number, spec.size_wh))
    numbers = range(spec.first_number, spec.first_number + spec.frames)
    return encode(path, spec, (av.VideoFrame.from_ndarray(make(number), format="bgr24") for number in numbers))
