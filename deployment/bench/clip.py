"""The clip of the standing case, made at run time and kept. Pure but for the files.

`one-by-one-person-detection.mp4` from the shared data as raw H.264: 1280×720, 25 pictures a second (each of the
original's once), 4 Mbit/s, a key frame every 50 pictures, no B-frames, its number painted into each picture.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import stamp
from av.video.frame import PictureType
from shared_data import data_dir, needed

SIZE_WH = (1280, 720)
FPS = 25
GOP = 50
BIT_RATE = 4_000_000
NAME = "one-by-one-person-detection.mp4"
X264 = f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes=0:threads=1"


def standing_clip(source: Path | None = None) -> Path:
    """The clip's path, made first where it is missing (a minute of one core). Raises SystemExit as `needed`."""
    source = source or needed(data_dir() / "videos" / NAME)
    content = hashlib.sha256(source.read_bytes() + f"{SIZE_WH}{FPS}{BIT_RATE}{X264}".encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"livesight-bench-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    clip = folder / f"standing-{content}.h264"
    if not clip.exists():
        part = clip.with_suffix(f".{os.getpid()}.part")
        _encode(part, _stamped(source))
        part.replace(clip)
    return clip


def count(clip: Path) -> int:
    """How many pictures a raw H.264 clip has."""
    with av.open(str(clip), format="h264") as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def _stamped(source: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(source)) as container:
        for number, picture in enumerate(container.decode(video=0)):
            planes = picture.reformat(*SIZE_WH, format="yuv420p", interpolation="BICUBIC").to_ndarray()
            stamp.paint(planes[: SIZE_WH[1]], number % stamp.MOST)
            yield av.VideoFrame.from_ndarray(np.ascontiguousarray(planes), format="yuv420p")


def _encode(path: Path, pictures: Iterator[av.VideoFrame]) -> None:
    with av.open(str(path), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt, stream.bit_rate = "yuv420p", BIT_RATE
        context = stream.codec_context
        context.gop_size, context.max_b_frames, context.thread_count = GOP, 0, 1
        stream.options = {"preset": "veryfast", "x264-params": X264}
        for index, picture in enumerate(pictures):
            picture.pts, picture.time_base, picture.pict_type = index, Fraction(1, FPS), PictureType.NONE
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
