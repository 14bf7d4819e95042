"""Folders of pictures as a stream. Each source runs in its own thread."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import numpy.typing as npt
import structlog

from stream.config import StreamSettings
from stream.decoding.clock import MICROSECONDS
from stream.decoding.image_header import read_header
from stream.errors import BadImageError, MailboxClosed, SourceError
from stream.frame import Frame, new_session
from stream.mailbox import Mailbox
from stream.metrics import FRAMES_DECODED, FRAMES_DROPPED, STAGE_SECONDS
from stream.sources.health import SourceHealth
from stream.sources.pacer import Pacer
from stream.sources.source import Source, SourceState, SourceStatus

log = structlog.get_logger(__name__)

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
_DIGITS = re.compile(r"(\d+)")


def natural_key(path: Path) -> list[tuple[int, int | str]]:
    """Sorts 2.jpg before 10.jpg."""
    parts = _DIGITS.split(path.name.lower())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def find_images(path: Path) -> list[Path]:
    """The pictures of a folder, a glob, or the one; sorted by name. Raises SourceError when there is none."""
    if path.is_dir():
        found = [file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()]
        missing = f"{path}: no pictures in this folder ({', '.join(sorted(IMAGE_SUFFIXES))})"
    elif path.exists():
        found, missing = [path], ""
    elif any(mark in path.name for mark in "*?["):
        found = [file for file in path.parent.glob(path.name) if file.suffix.lower() in IMAGE_SUFFIXES]
        missing = f"{path}: no picture matches"
    else:
        found, missing = [], f"{path}: there is no such file"
    if not found:
        raise SourceError(missing)
    return sorted(found, key=natural_key)


class ImagesSource(Source):
    """Pictures in the given order, `image_fps` a second when live (again and again), else each once and unpaced.

    A picture that cannot be read is logged and counted, and the others go on; when there is none that can be read, the
    mailbox closes with a SourceError. `Frame.number` is the index in the list (goes on counting over the loops).
    """

    kind = "images"

    def __init__(self, stream_id: str, paths: Sequence[Path], settings: StreamSettings, *, live: bool) -> None:
        self.id = stream_id
        self.paths = list(paths)
        if live:
            self.mailbox: Mailbox[Frame] = Mailbox("newest", on_drop=self._on_drop, on_left_out=self._on_left_out)
        else:
            self.mailbox = Mailbox("block", capacity=2)
        self._settings = settings
        self._live = live
        self._session = new_session()
        self._stop = threading.Event()
        self._vitals = SourceHealth(stream_id, None)
        self._thread = threading.Thread(target=self._run, name=f"images-{stream_id}", daemon=True)
        self._lock = threading.Lock()
        self._started = False

    def start(self) -> None:
        """See Source."""
        with self._lock:
            if self._started or self._stop.is_set():
                return
            self._started = True
            self._thread.start()

    def close(self, timeout_s: float = 5.0) -> None:
        """See Source."""
        with self._lock:
            self._stop.set()
        self.mailbox.close()
        if self._started and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        self._vitals.closed()

    def status(self) -> SourceStatus:
        """See Source."""
        return self._vitals.status()

    def _on_drop(self, frame: Frame) -> None:
        FRAMES_DROPPED.labels(self.id, "newer").inc()

    def _on_left_out(self, frame: Frame) -> None:
        FRAMES_DROPPED.labels(self.id, "max_fps").inc()

    def _run(self) -> None:
        """The thread."""
        error: SourceError | None = None
        try:
            self._play()
        except MailboxClosed:
            pass
        except SourceError as failure:
            error = failure
        except Exception as failure:
            log.exception("source_failed", stream=self.id)
            error = SourceError(f"{self.paths[0].parent}: {failure}")
        if error is None:
            self._vitals.become(SourceState.ENDED)
        else:
            self._vitals.become(SourceState.FAILED, str(error))
        self.mailbox.close(error)

    def _play(self) -> None:
        self._vitals.connected(self._session, None, None)
        pacer = Pacer(self._stop) if self._live else None
        index = 0
        while True:
            readable = 0
            for path in self.paths:
                pts_us = round(index * 1e6 / self._settings.image_fps)
                if self._stop.is_set() or (pacer is not None and not pacer.wait(pts_us)):
                    return
                readable += self._show(path, index, pts_us)
                index += 1
            if not readable:
                raise SourceError(f"{self.paths[0]}: not a picture that can be read (nor any of the others)")
            if not self._live:
                return

    def _show(self, path: Path, index: int, pts_us: int) -> bool:
        """Hand over one picture; False when it cannot be read."""
        captured_at_ns, arrived_s = time.time_ns(), time.monotonic()
        try:
            picture = read_picture(path, self._settings)
        except (OSError, BadImageError, cv2.error) as error:
            FRAMES_DROPPED.labels(self.id, "error").inc()
            log.warning("picture_unreadable", stream=self.id, path=str(path), error=str(error))
            return False
        picture.pts, picture.time_base = pts_us, MICROSECONDS
        decode_s = time.monotonic() - arrived_s
        FRAMES_DECODED.labels(self.id).inc()
        STAGE_SECONDS.labels("decode").observe(decode_s)
        frame = Frame(
            stream_id=self.id,
            session=self._session,
            number=index,
            ordinal=index,
            pts_us=pts_us,
            captured_at_ns=captured_at_ns,
            arrived_s=arrived_s,
            decode_s=decode_s,
            picture=picture,
        )
        self._vitals.pictured(frame.size_wh)
        self.mailbox.put(frame)
        return True


def read_picture(path: Path, settings: StreamSettings) -> av.VideoFrame:
    """Decode one file, turned by its EXIF, as BGR. Raises OSError, BadImageError."""
    data = path.read_bytes()
    if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"):
        read_header(data, max(settings.image_bytes, len(data)), settings.image_pixels)
    image_bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image_bgr is None:
        raise BadImageError("not a picture, or damaged")
    return av.VideoFrame.from_ndarray(cast("npt.NDArray[np.uint8]", image_bgr), format="bgr24")
