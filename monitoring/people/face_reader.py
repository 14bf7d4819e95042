"""Looks at the faces of pictures that people send or choose. Any thread; blocks: a look takes some ten milliseconds.

The model is loaded when it is first needed: a monitor that enrols nobody has none in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import cv2

from monitoring.core.errors import LookRefused
from monitoring.people.looks import LookQuality, NewLook, Source
from stream.config import StreamSettings
from stream.decoding.image_header import image_limit, read_header
from stream.decoding.stills import decode_bgr
from workers.engines.engine import U8
from workers.errors import FaceModelMissing, ModelError
from workers.identity.gate import NoLook
from workers.images.crops import crop_region
from workers.model_card import Calibration, ModelStore, load_card
from workers.settings import WorkerSettings

if TYPE_CHECKING:
    from workers.identity.face_model import FaceModel
    from workers.identity.faces import Face

_PICTURE_PX = 320
_AROUND = 0.4
_QUALITY = 88


class FaceReader(Protocol):
    """What turns pictures into looks."""

    def enrol(self, image: bytes, source: Source) -> NewLook:
        """The one face of an encoded image, good enough to be enrolled. Raises LookRefused and as `look`."""
        ...

    def look(self, image: bytes) -> NewLook:
        """The one face of an encoded image, good enough to be compared.

        Raises LookRefused, FaceModelMissing, BadImageError (TooLargeError, TooSlowError among them).
        """
        ...

    def law(self, embedder: str) -> Calibration:
        """How alike looks of that model, such as face-id/1, must be; face-id's law where it is not there."""
        ...


class NoFaces:
    """A FaceReader of a process that was not told where models are."""

    def enrol(self, image: bytes, source: Source) -> NewLook:
        """See FaceReader. Raises FaceModelMissing."""
        return self.look(image)

    def look(self, image: bytes) -> NewLook:
        """See FaceReader. Raises FaceModelMissing."""
        raise FaceModelMissing("there is no model face-id; run: livesight people model")

    def law(self, embedder: str) -> Calibration:
        """See FaceReader."""
        return Calibration()


NO_FACES = NoFaces()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a FaceReader works with."""

    models: ModelStore
    workers: WorkerSettings
    stream: StreamSettings


class ModelFaces:
    """A FaceReader that has a face model."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._lock = threading.Lock()
        self._model: FaceModel | None = None

    def enrol(self, image: bytes, source: Source) -> NewLook:
        """See FaceReader."""
        return self._look(image, source, enrol=True)

    def look(self, image: bytes) -> NewLook:
        """See FaceReader."""
        return self._look(image, "upload", enrol=False)

    def law(self, embedder: str) -> Calibration:
        """See FaceReader. Reads a card from the disk."""
        name, _, version = embedder.partition("/")
        try:
            card = load_card(self._reading.models.folder(name, int(version)), verify=False)
        except (ModelError, ValueError):
            return Calibration()
        return card.calibration or Calibration()

    def _look(self, image: bytes, source: Source, enrol: bool) -> NewLook:
        model = self._loaded()
        limits = self._reading.stream
        pixels: U8 = decode_bgr(image, read_header(image, limits.image_bytes, image_limit(limits)))
        found = model.look(pixels, enrol=enrol)
        if isinstance(found, NoLook):
            raise LookRefused(found.reason, found.detail)
        quality = LookQuality(
            size_px=round(found.size_px, 1),
            eyes_px=round(found.eyes_px, 1),
            sharpness=round(found.sharpness, 3),
            pose=round(found.pose, 1),
        )
        return NewLook(found.vector, model.embedder, quality, source, _picture(pixels, model.find(pixels)))

    def _loaded(self) -> FaceModel:
        from workers.identity.face_model import FaceModel  # loads the engine, which a monitor has no other use for

        with self._lock:
            if self._model is None:
                self._model = FaceModel(self._reading.models, self._reading.workers)
            return self._model


def _picture(image_bgr: U8, faces: Sequence[Face]) -> bytes | None:
    """The largest face with something around it, as a JPEG; no more of the picture than that is kept."""
    if not faces:
        return None
    height, width = image_bgr.shape[:2]
    left, top, right, bottom = crop_region(faces[0].xyxy, _AROUND, (width, height))
    crop = image_bgr[top:bottom, left:right]
    scale = min(1.0, _PICTURE_PX / max(crop.shape[:2]))
    if scale < 1.0:
        crop = cast("U8", cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
