"""Looks at all photos of a folder, and at worse copies of them. Any one thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from workers.engines.engine import F32, U8
from workers.identity.evaluation.conditions import Degrade
from workers.identity.evaluation.folder import Photos, PhotosRefused, read_photo
from workers.identity.face_model import FaceModel, Look
from workers.identity.faces import Face
from workers.identity.gate import NoLook, refused
from workers.settings import IdentitySettings

AS_IT_IS = "as they are"


@dataclass(slots=True)
class PhotoLooks:
    """What was seen in one photo.

    plain, mirrored: the face's vector, and its mean with the mirror image's, as at enrolment; float32 (features), or
    None where no single face was found (`reason`: why). worse: the vectors in worse copies, by condition; None where
    the landmarks were not found in the copy. gated: the conditions in which the gate would have refused to name it.
    """

    person: str
    path: Path
    reason: str | None = None
    plain: F32 | None = None
    mirrored: F32 | None = None
    worse: dict[str, F32 | None] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)

    def vector(self, condition: str) -> F32 | None:
        """The vector as it is, or in a worse copy."""
        return self.plain if condition == AS_IT_IS else self.worse.get(condition)


class PhotoLooker:
    """Looks at photos. on_photo: called after each."""

    def __init__(
        self,
        model: FaceModel,
        limits: IdentitySettings,
        conditions: Mapping[str, Degrade],
        on_photo: Callable[[], None] = lambda: None,
    ) -> None:
        self._model = model
        self._limits = limits
        self._conditions = conditions
        self._on_photo = on_photo

    def look(self, people: Photos) -> list[PhotoLooks]:
        """At each photo of each person; files that are no images have that as their reason."""
        found = []
        for person, photos in people.items():
            for path in photos:
                found.append(self._look(person, path))
                self._on_photo()
        return found

    def _look(self, person: str, path: Path) -> PhotoLooks:
        looks = PhotoLooks(person, path)
        try:
            image_bgr = read_photo(path)
        except PhotosRefused as error:
            looks.reason = str(error)
            return looks
        face = self._model.only_face(image_bgr)
        if isinstance(face, NoLook):
            looks.reason = face.detail
            return looks
        look = self._model.measure(image_bgr, face)
        looks.plain = look.vector
        looks.mirrored = self._model.with_mirror(image_bgr, face, look.vector)
        self._gate(looks, AS_IT_IS, look)
        for name, degrade in self._conditions.items():
            looks.worse[name] = self._worse(looks, name, *degrade(image_bgr, face))
        return looks

    def _worse(self, looks: PhotoLooks, name: str, image_bgr: U8, face: Face) -> F32 | None:
        """In a copy the landmarks are found anew: they are what suffers first."""
        again = self._model.landmarks(image_bgr, face.xyxy)
        if isinstance(again, NoLook):
            looks.gated.add(name)
            return None
        look = self._model.measure(image_bgr, again)
        self._gate(looks, name, look)
        return look.vector

    def _gate(self, looks: PhotoLooks, name: str, look: Look) -> None:
        if refused(look, self._limits, enrol=False) is not None:
            looks.gated.add(name)


def stacked(vectors: list[F32 | None]) -> F32:
    """float32 (looks, features); zeros, which are like nobody, for looks that there are not."""
    features = next((vector.size for vector in vectors if vector is not None), 1)
    nothing = np.zeros(features, np.float32)
    return np.stack([nothing if vector is None else vector for vector in vectors])
