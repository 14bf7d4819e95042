"""The face model: finds faces, and turns each into a vector that tells people apart. Any thread; blocks.

A look takes about 11 ms of a CPU: 1 ms for the landmarks, 9 for the vector, which is left out for faces that the gate
refuses. Vectors are secrets of the people that they are of: they go into no result, log or answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workers.engines.engine import F32, U8
from workers.engines.load import graph_engine
from workers.errors import EngineError, FaceModelMissing, ModelError, ModelUnknown
from workers.identity.align import aligned, turned
from workers.identity.face_card import DETECTOR, FACE_ID
from workers.identity.faces import CROP_SIDE, Face, FaceDetector
from workers.identity.gallery import mean_look
from workers.identity.gate import NoLook, Quality, face_sharpness, refused
from workers.model_card import Calibration, ModelCard, ModelStore, load_card
from workers.settings import WorkerSettings

GROWN = 0.3
"""Of a box's width (height), added on each side before the face is sought in it: 60 % in all."""
_BESIDE, _BESIDE_SCORE = 1 / 3, 0.8
"""A second face that is smaller than this share of the first stands in the background; a less certain one is none."""
IN_BOX_SCORE = 0.5
"""Where a face is known to be: of 246 masked faces in photos of streets this finds 95 %, the usual 0.7 91 %."""


@dataclass(frozen=True, slots=True)
class Look(Quality):
    """What was seen of one face. vector: float32 (features), L2-normalised. enrollable: good enough to be enrolled."""

    vector: F32
    enrollable: bool


class FaceModel:
    """A detector with landmarks and an embedder, of a model of the task `embed` that names both.

    source: where models are, of which `workers.identity.model` is taken; or a model's own folder.
    `embedder`: name and version, such as face-id/1; vectors of different ones do not compare.
    Raises FaceModelMissing, ModelError, EngineError.
    """

    def __init__(self, source: ModelStore | Path, settings: WorkerSettings) -> None:
        folder = face_model_folder(source, settings.identity.model) if isinstance(source, ModelStore) else source
        self.card = load_card(folder)
        self._side = checked(self.card, folder)
        self.calibration = self.card.calibration or Calibration()
        self.embedder = f"{self.card.name}/{self.card.version}"
        self._limits = settings.identity
        self._detector = FaceDetector(folder / DETECTOR, settings)
        # device and precision are the detectors': an embedder has no int8 graph, most of the time
        own = settings.model_copy(update={"device": None, "precision": "auto"})
        self._embedder = graph_engine(self.card, folder, own)

    def find(self, image_bgr: U8) -> list[Face]:
        """All faces of an image, u8 (height, width, 3) BGR, largest first."""
        return self._detector.find(image_bgr)

    def look(self, image_bgr: U8, xyxy: Sequence[float] | None = None, *, enrol: bool = False) -> Look | NoLook:
        """The face in the box `xyxy` (pixels) of an image, u8 (height, width, 3) BGR; without a box, the one there is.

        enrol: only what is good enough to be enrolled, and the vector is the mean of the face and its mirror image.
        """
        face = self.only_face(image_bgr) if xyxy is None else self.landmarks(image_bgr, xyxy)
        return face if isinstance(face, NoLook) else self.look_at(image_bgr, face, enrol=enrol)

    def look_at(self, image_bgr: U8, face: Face, *, enrol: bool = False) -> Look | NoLook:
        """The look at a face that was found already, if it is good enough."""
        upright, quality = self._upright(image_bgr, face)
        if (reason := refused(quality, self._limits, enrol)) is not None:
            return reason
        return self._look(upright, quality, mirrored=enrol)

    def measure(self, image_bgr: U8, face: Face) -> Look:
        """The look at a face however bad it is, for evaluation."""
        return self._look(*self._upright(image_bgr, face), mirrored=False)

    def with_mirror(self, image_bgr: U8, face: Face, vector: F32) -> F32:
        """The mean of a face's vector and its mirror image's, as at enrolment."""
        return mean_look([vector, self._embed(self._upright(image_bgr, face)[0][:, ::-1])])

    def landmarks(self, image_bgr: U8, xyxy: Sequence[float]) -> Face | NoLook:
        """The face in a box that another detector, or an earlier look, gave: sought in the grown box alone.

        The box always comes to the same size there, small faces are enlarged: at 32 px that brings genuine pairs from
        a similarity of .73 to .84, as the landmarks are better.
        """
        x1, y1, x2, y2 = xyxy
        height, width = image_bgr.shape[:2]
        across, down = (x2 - x1) * GROWN, (y2 - y1) * GROWN
        left, top = max(0, int(x1 - across)), max(0, int(y1 - down))
        crop = image_bgr[top : min(height, int(np.ceil(y2 + down))), left : min(width, int(np.ceil(x2 + across)))]
        if min(crop.shape[:2]) < 2:
            return NoLook("no_face", "the box lies outside the picture")
        scale = CROP_SIDE / max(x2 - x1 + 2 * across, y2 - y1 + 2 * down)
        found = self._detector.find(crop, CROP_SIDE, scale, IN_BOX_SCORE)
        faces = [face for face in (face.moved(1, left, top) for face in found) if overlap(face.xyxy, xyxy) > 0]
        if not faces:
            return NoLook("no_face", "no face with eyes, nose and mouth was found")
        return max(faces, key=lambda face: overlap(face.xyxy, xyxy))

    def only_face(self, image_bgr: U8) -> Face | NoLook:
        """The face of an image that shows one person; others in the background, much smaller, do not count."""
        faces = self.find(image_bgr)
        if not faces:
            return NoLook("no_face", "no face with eyes, nose and mouth was found")
        least_px = _BESIDE * faces[0].size_px
        beside = [face for face in faces[1:] if face.size_px >= least_px and face.score >= _BESIDE_SCORE]
        if beside:
            return NoLook("several_faces", f"there are {1 + len(beside)} faces in the picture; one is needed")
        finer = self.landmarks(image_bgr, faces[0].xyxy)
        return faces[0] if isinstance(finer, NoLook) else finer

    def close(self) -> None:
        """Free both networks. Only when nothing looks any more."""
        self._detector.close()
        self._embedder.close()

    def _upright(self, image_bgr: U8, face: Face) -> tuple[U8, Quality]:
        upright = aligned(image_bgr, face.landmarks, self._side)
        quality = Quality(face.eyes_px, face.size_px, face_sharpness(upright), turned(face.landmarks))
        return upright, quality

    def _look(self, upright: U8, quality: Quality, mirrored: bool) -> Look:
        vector = self._embed(upright)
        if mirrored:
            vector = mean_look([vector, self._embed(upright[:, ::-1])])
        enrollable = refused(quality, self._limits, enrol=True) is None
        return Look(quality.eyes_px, quality.size_px, quality.sharpness, quality.pose, vector, enrollable)

    def _embed(self, upright: U8) -> F32:
        with self._embedder.request((self._side, self._side)) as request:
            request.tensor[0] = upright if self.card.color == "bgr" else upright[..., ::-1]
            vector: F32 = request.run(1)[0]
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0:
            raise EngineError(f"model {self.card.name} {self.card.version} returned no direction")
        unit: F32 = vector / np.float32(length)
        return unit


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes, x1, y1, x2, y2."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (areas - width * height)


def face_model_folder(store: ModelStore, name: str = FACE_ID) -> Path:
    """Where the face model is. Raises FaceModelMissing saying how to make it."""
    try:
        return store.folder(name)
    except ModelUnknown as error:
        hint = "run: livesight people model" if name == FACE_ID else "put it into state_dir/models"
        raise FaceModelMissing(f"there is no model {name}; {hint}") from error


def checked(card: ModelCard, folder: Path) -> int:
    """The side of an embedder's input. Raises ModelError when the model is none of faces."""
    name = f"model {card.name} {card.version}"
    if card.task != "embed":
        raise ModelError(f"{name} has the task {card.task}; telling who it is needs one with the task embed")
    if DETECTOR not in card.files:
        raise ModelError(f"{folder}: {name} names no {DETECTOR}, which finds the landmarks; copy face-id's beside it")
    (width, height), *others = card.shapes_wh
    if others or width != height:
        raise ModelError(f"{name}: shapes_wh must be one square; faces are aligned to it")
    return width
