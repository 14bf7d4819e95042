"""Enrols faces, and looks for whom a picture shows. Any thread; blocks.

Nobody is enrolled but by a person's request, and nobody by a picture that looks like somebody else, unless that person
says that it is meant so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import structlog

from monitoring.core.errors import LookRefused, LooksAlike, MediaUnknown
from monitoring.people.face_reader import FaceReader
from monitoring.people.looks import NewLook, Vector
from monitoring.people.pictures import Subject, subject_of_event, subject_of_track
from monitoring.people.rows import canonical
from monitoring.people.store import PeopleStore
from monitoring.people.uploads import ChosenPicture
from monitoring.store.media import MediaStore
from stream.errors import StreamError
from workers.access.principal import StreamScope
from workers.errors import WorkerError

log = structlog.get_logger(__name__)

_MOST_FOUND = 5
_LEAST_SHOWN = 0.25
"""Less alike than that are strangers to each other."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks. scope: the streams whose events they may see; pictures: whose pictures.

    confirmed: the picture is meant, though it looks like somebody else.
    """

    by: str
    scope: StreamScope
    pictures: StreamScope
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody whom a picture looks like. named: whether a track that looked so would get the name."""

    person: str
    similarity: float
    threshold: float
    named: bool


class Enrolment:
    """Of `store`, by what `faces` sees."""

    def __init__(self, store: PeopleStore, faces: FaceReader, media: MediaStore) -> None:
        self.store = store
        self._faces = faces
        self._media = media

    def enrol(self, person_id: str, picture: bytes | ChosenPicture, asked: Asked) -> int:
        """Enrol the face of a picture; the look's number.

        Raises LookRefused, LooksAlike, PersonUnknown, EventUnknown, TrackUnknown, MediaUnknown, QuotaReached,
        FaceModelMissing, BadImageError.
        """
        with self.store.database.read() as connection:
            own = canonical(connection, person_id)
        if isinstance(picture, bytes):
            look = self._faces.enrol(picture, "upload")
        else:
            subject = self._subject(picture, asked.scope)
            if subject.track.stream_id not in asked.pictures:  # whoever is enrolled shows the face that was cut out
                raise MediaUnknown("there is no picture of this track that you may see; upload one")
            source = "track" if subject.event_id is None else "event"
            look = self._faces.enrol(self._image(subject), source)  # type: ignore[arg-type]
            look = replace(look, event_id=subject.event_id)
        if not asked.confirmed:
            self.check_alike(own, look)
        return self.store.add_look(own, look, asked.by)

    def look_to_enrol(self, image: bytes) -> NewLook:
        """The face of a photo out of a folder. Raises LookRefused, FaceModelMissing, BadImageError."""
        return self._faces.enrol(image, "folder")

    def check_alike(self, person_id: str, look: NewLook) -> None:
        """Raises LooksAlike where somebody else is so like the look that it would get their name."""
        others = [one for one in self.find(look) if one.person != person_id and one.similarity >= one.threshold]
        if not others:
            return
        names = {one.person: self.store.names.name_of(one.person) or "somebody" for one in others}
        told = " and ".join(f"{one.similarity:.2f} like {names[one.person]}" for one in others)
        alike = [{"person": one.person, "name": names[one.person], "similarity": one.similarity} for one in others]
        raise LooksAlike(f"the face is {told}: the same person? Confirm it if it is somebody else", alike)

    def find(self, look: NewLook) -> list[Found]:
        """Who looks like a look, the most similar first."""
        gallery = self.store.roster.gallery(look.embedder)
        similarities = gallery.similarities(look.vector)
        named = gallery.best(similarities).person
        order = np.argsort(-similarities)[:_MOST_FOUND]
        return [
            Found(
                gallery.people[index],
                round(float(similarities[index]), 3),
                round(float(gallery.thresholds[index]), 3),
                gallery.people[index] == named,
            )
            for index in order
            if similarities[index] >= _LEAST_SHOWN
        ]

    def search(self, picture: bytes) -> list[Found]:
        """Who is in a picture. Raises LookRefused, FaceModelMissing, BadImageError."""
        return self.find(self._faces.look(picture))

    def look_at(self, subject: Subject) -> tuple[str, Vector] | None:
        """Who is in a subject's picture: embedder and vector; None where no face in it is good enough."""
        try:
            look = self._faces.look(self._image(subject))
        except (LookRefused, MediaUnknown) as error:
            log.info("counter_example_without_face", reason=str(error))
            return None
        except (WorkerError, StreamError) as error:  # no model, or no image: the track is contested all the same
            log.warning("counter_example_without_face", reason=str(error))
            return None
        return look.embedder, look.vector

    def _subject(self, picture: ChosenPicture, scope: StreamScope) -> Subject:
        with self.store.database.read() as connection:
            if picture.event_id is not None:
                return subject_of_event(connection, picture.event_id, scope)
            assert picture.track is not None
            return subject_of_track(connection, picture.track, scope)

    def _image(self, subject: Subject) -> bytes:
        try:
            return self._media.image(subject.needed(), overlay=False)
        except OSError:
            raise MediaUnknown("the picture's file is not on this machine") from None
