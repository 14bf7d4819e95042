"""A folder of images as a stream. Each source runs in its own thread."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import numpy.typing as npt
import structlog
from PIL import Image

from stream.config import StreamConfig, StreamSettings
from stream.decoding.costly_lane import GivenUpError
from stream.decoding.image_formats import ImageLayout
from stream.decoding.image_header import frame_limit, read_header
from stream.decoding.pts_clock import MICROSECONDS, Pacer
from stream.decoding.stills import decode_bgr
from stream.errors import BadImageError, SourceError, TooLargeError
from stream.frame import Frame, new_session
from stream.metrics import FRAMES_DROPPED
from stream.sources.source import Source

log = structlog.get_logger(__name__)

_OTHER_SUFFIXES = frozenset({".bmp", ".tif", ".tiff"})
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"}) | _OTHER_SUFFIXES
_DIGITS = re.compile(r"(\d+)")


def natural_key(path: Path) -> list[tuple[int, int | str]]:
    """Sorts 2.jpg before 10.jpg."""
    parts = _DIGITS.split(path.name.lower())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def find_images(path: Path) -> list[Path]:
    """The images of a folder or a glob, or one image; sorted naturally. Raises SourceError when there are none."""
    if path.is_dir():
        found = [file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()]
        missing = f"{path}: this folder contains no images ({', '.join(sorted(IMAGE_SUFFIXES))}); name a video itself"
    elif path.exists():
        found, missing = [path], ""
    elif any(mark in path.name for mark in "*?["):
        found = [file for file in path.parent.glob(path.name) if file.suffix.lower() in IMAGE_SUFFIXES]
        missing = f"{path}: no image matches this pattern"
    else:
        found, missing = [], f"{path}: no such file or folder"
    if not found:
        raise SourceError(missing)
    return sorted(found, key=natural_key)


def others_in(folder: Path) -> list[Path]:
    """What lies in a folder beside its images, such as videos and folders, sorted naturally; hidden files excepted."""
    if not folder.is_dir():
        return []
    images = IMAGE_SUFFIXES
    others = (file for file in folder.iterdir() if file.is_dir() or file.suffix.lower() not in images)
    return sorted((file for file in others if not file.name.startswith(".")), key=natural_key)


class ImagesSource(Source):
    """Images in the given order, `image_fps` a second when live (again and again), else each once and unpaced.

    An image that cannot be read is logged and counted, and the others go on; when none of them can be read, the
    mailbox closes with a SourceError. `Frame.number` is the index in the list (goes on counting over the loops).
    paths: the list. unreadable: those that could not be read, each with why; whole when the mailbox is closed.
    """

    kind = "images"
    thread_prefix = "images"

    def __init__(self, config: StreamConfig, settings: StreamSettings, paths: Sequence[Path], *, live: bool) -> None:
        super().__init__(config, settings, live=live, can_stall=False)
        self.paths = list(paths)
        self.unreadable: dict[Path, str] = {}
        self._session = new_session()

    def _deliver_all(self) -> None:
        """See Source."""
        self._health.session_started(self._session, None, None)
        pacer = Pacer(self._stopping) if self._live else None
        index = 0
        while True:
            readable = 0
            for path in self.paths:
                pts_us = round(index * 1e6 / self._settings.image_fps)
                if self._stopping.is_set() or (pacer is not None and not pacer.wait(pts_us)):
                    return
                readable += self._show(path, index, pts_us)
                index += 1
            if not readable and not self._stopping.is_set():
                others = f", nor is any of the other {len(self.paths) - 1}" if len(self.paths) > 1 else ""
                raise SourceError(f"{self.paths[0]}: not a readable image{others}")
            if not self._live:
                return

    def _show(self, path: Path, index: int, pts_us: int) -> bool:
        """Hand over one image; False when it cannot be read."""
        captured_at_ns, arrived_s = time.time_ns(), time.monotonic()
        try:
            image = read_image(path, self._settings, self._stopping.is_set)
        except GivenUpError:
            return False  # the source is closed
        except (OSError, BadImageError, cv2.error) as error:
            FRAMES_DROPPED.labels(self.id, "error").inc()
            self.unreadable[path] = (error.strerror if isinstance(error, OSError) else None) or str(error)
            log.warning("image_unreadable", stream=self.id, path=str(path), error=str(error))
            return False
        image.pts, image.time_base = pts_us, MICROSECONDS
        self._deliver(
            Frame(
                stream_id=self.id,
                session=self._session,
                number=index,
                ordinal=index,
                pts_us=pts_us,
                captured_at_ns=captured_at_ns,
                arrived_s=arrived_s,
                decode_s=time.monotonic() - arrived_s,
                image=image,
            )
        )
        return True


def read_image(path: Path, settings: StreamSettings, given_up: Callable[[], bool]) -> av.VideoFrame:
    """Decode one file, turned by its EXIF, as BGR. given_up: whether nobody wants it any more while it waits.

    Raises OSError, BadImageError, GivenUpError.
    """
    data = path.read_bytes()
    if path.suffix.lower() in _OTHER_SUFFIXES:
        image_bgr = _decode_other(data, settings)
    else:
        header = read_header(data, max(settings.image_bytes, len(data)), frame_limit(settings))
        image_bgr = decode_bgr(data, header, given_up)
    return av.VideoFrame.from_numpy_buffer(image_bgr, format="bgr24")


def _decode_other(data: bytes, settings: StreamSettings) -> npt.NDArray[np.uint8]:
    """A BMP or TIFF; they come from this machine's disks only."""
    try:
        with Image.open(io.BytesIO(data), formats=("BMP", "TIFF")) as image:
            size_wh = image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLargeError(f"too many pixels; the limit is {settings.frame_pixels} (stream.frame_pixels)") from error
    except (OSError, SyntaxError, ValueError, LookupError, OverflowError, EOFError) as error:
        raise BadImageError("not an image, or damaged") from error
    frame_limit(settings).check(ImageLayout(size_wh, 1), "the image")
    image_bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image_bgr is None:
        raise BadImageError("not an image, or damaged")
    return cast("npt.NDArray[np.uint8]", image_bgr)
