"""When a stream's tracks are looked at, and who they are. One worker's thread at a time.

A track whose box is a face is looked at when it is new, again when its crop got clearly better, at once when its label
became `without_mask`, ever more seldom while it has no name, and now and then when it has one. What the looks of a
track say together is in workers/identity/track_identity.py.

A name shows only for frames that it is true for: where the picture in the box changed at once, as over a cut or when
the tracker took somebody else's box, the track has no name until it is looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from stream.frame import Frame
from workers.bus.result import Detection, Identity
from workers.identity.face_model import Look
from workers.identity.gallery import Gallery
from workers.identity.gate import NoLook
from workers.identity.track_identity import Claim, TrackIdentity
from workers.images.crops import crop_image, crop_region
from workers.images.image_figures import Mode
from workers.inference.classify import Classifiers
from workers.inference.identification import FaceCrop, Identification, LookBatch
from workers.inference.look_budget import LookBudget
from workers.inference.looking_again import Again, LastLook, quality_of
from workers.inference.same_face import MOST_APART_US, Sight
from workers.metrics import LOOKS

_FORGET_US = 10_000_000
_BARE = "without_mask"
_MARGIN = 1.0
"""Of the box, on each side: the whole head is needed, and of a head in profile many a detector boxes the face only."""
_SMALLER = 0.8
"""Detectors draw boxes more tightly than the face model: only what is so much smaller than it needs is not tried."""
_UNSURE_S = 0.2
"""Least time between two looks at a track that may be somebody else now."""
_SECOND_S = 0.1
"""How soon a look that makes somebody likely is followed by another."""
_INCUMBENT = 0.03
"""So much better another track must be to take a person from the one that had it last."""


@dataclass(slots=True)
class _Track:
    """One track. last: the crop that was looked at; looked_us: when; vain: looks in a row without a name.

    unsure: it may be somebody else since the last look; its name waits for the next. doubts: how often that was seen.
    urgent: it has a name, and that was just seen.
    """

    seen_us: int
    sight: Sight
    who: TrackIdentity = field(default_factory=TrackIdentity)
    last: LastLook | None = None
    looked_us: int = 0
    vain: int = 0
    unsure: bool = False
    doubts: int = 0
    urgent: bool = False


_Seen = Mapping[int | None, _Track]
"""The faces of one frame, by track."""


@dataclass(slots=True)
class _Target:
    """A face that is looked at. unsure, doubts: its track's at that frame, as the picture may change meanwhile."""

    track: _Track
    face: FaceCrop
    unsure: bool
    doubts: int


class StreamIdentity:
    """The identities of one stream. `apply` is called with each frame, in order.

    wanted: whether the stream says who is seen, asked with each frame.
    """

    def __init__(
        self, stream_id: str, shared: Identification, work: Classifiers, wanted: Callable[[], bool], mode: Mode
    ) -> None:
        self._stream_id = stream_id
        self._shared = shared
        self._settings = shared.settings
        self._again = Again(self._settings.gain, self._settings.again_s)
        self._work = work
        self._wanted = wanted
        self._mode = mode
        self.reset()

    @property
    def budget(self) -> LookBudget:
        """What looks may take; live only."""
        return self._shared.budget

    def reset(self) -> None:
        """Start a new session: forget every track; looks still under way are ignored."""
        self._tracks: dict[int, _Track] = {}
        self._pending: tuple[LookBatch, list[_Target]] | None = None
        self._gallery: Gallery | None = None
        self._holders: dict[str, int] = {}
        self._before_us = 0

    def apply(self, frame: Frame, detections: list[Detection]) -> list[Detection]:
        """The detections, with the identity of those whose track is known."""
        if self._mode == "stills" or not self._wanted():
            if self._tracks:
                self.reset()
            return detections
        ready = self._shared.ready() if self._mode == "live" else self._shared.load()
        gallery = self._shared.comparable()
        if self._pending is not None and self._pending[0].done:
            self._store(self._pending[1], gallery)
            self._pending = None
        self._forget(frame.pts_us)
        if gallery is not self._gallery:
            self._gallery = gallery
            for track in self._tracks.values():
                track.who.decide(gallery)
        faces = [found for found in detections if found.track_id is not None and found.label in self._settings.labels]
        seen: _Seen = {found.track_id: self._follow(frame, found) for found in faces if found.track_id is not None}
        if ready and len(gallery) and self._pending is None:
            self._look(frame, self._due(frame, faces, seen), gallery)
        self._before_us = frame.pts_us
        known = self._once(seen)
        return [
            found if (claim := known.get(found.track_id)) is None else found.model_copy(update={"identity": claim})
            for found in detections
        ]

    def _follow(self, frame: Frame, found: Detection) -> _Track:
        assert found.track_id is not None
        track = self._tracks.get(found.track_id)
        sight = Sight.of(frame, found.xyxy)
        if track is None:
            track = self._tracks[found.track_id] = _Track(frame.pts_us, sight)
        elif track.last is not None and not sight.follows(track.sight):
            self._doubt(track, frame)
        track.seen_us, track.sight = frame.pts_us, sight
        return track

    def _doubt(self, track: _Track, frame: Frame) -> None:
        """It may be somebody else. Its name waits for a look; but where frames are so far apart that everybody jumps,
        the look comes at once and the name stays until then.
        """
        named = track.who.claim is not None
        if track.seen_us >= self._before_us and frame.pts_us - track.seen_us > MOST_APART_US:
            track.urgent = track.urgent or (named and frame.pts_us - track.looked_us >= _UNSURE_S * 1e6)
            return
        track.urgent = track.urgent or (named and not track.unsure)
        track.unsure, track.vain = True, min(track.vain, 1)
        track.doubts += 1

    def _due(self, frame: Frame, faces: Sequence[Detection], seen: _Seen) -> list[_Target]:
        """Whom to look at now, the most urgent first."""
        found = [(seen[face.track_id], face) for face in faces if self._is_due(seen[face.track_id], face, frame)]
        found.sort(key=lambda one: (not one[0].unsure, one[0].last is not None, -_side(one[1])))
        if self._mode == "live":
            found = found[: self._settings.faces]
        return [self._target(track, face, frame) for track, face in found]

    def _is_due(self, track: _Track, found: Detection, frame: Frame) -> bool:
        if _side(found) < _SMALLER * self._settings.name_px:
            return False
        if track.last is None or track.urgent:
            return True
        since_s = (frame.pts_us - track.looked_us) / 1e6
        if track.unsure and track.who.claim is not None and since_s >= _UNSURE_S:
            return True
        if track.who.promising and since_s >= _SECOND_S:
            return True
        if found.label == _BARE and track.last.label != _BARE:
            return True
        if track.who.claim is None and track.last.better(frame, found, 0.0, self._again) is not None:
            track.vain = 0
            return True
        every_s = min(self._settings.longest_s, self._settings.again_s * (1 << max(0, track.vain - 1)))
        if track.who.claim is not None:
            every_s = self._settings.verify_s
        return since_s >= every_s and (self._mode != "live" or self.budget.allows())

    def _target(self, track: _Track, found: Detection, frame: Frame) -> _Target:
        """A track that is looked at now."""
        track.last = LastLook(found.label, quality_of(frame, found, 0.0), frame.pts_us)
        track.looked_us, track.vain, track.urgent = frame.pts_us, min(track.vain + 1, 16), False
        return _Target(track, _crop(frame, found), track.unsure, track.doubts)

    def _look(self, frame: Frame, targets: list[_Target], gallery: Gallery) -> None:
        """Look now, or, live, soon."""
        if not targets:
            return
        batch = LookBatch([target.face for target in targets], self._shared.look)
        if self._mode == "live":
            self._pending = (batch, targets)
            self._work.submit(batch)
        else:
            batch.run()
            self._store(targets, gallery)

    def _store(self, targets: Sequence[_Target], gallery: Gallery) -> None:
        for target in targets:
            outcome, track = target.face.outcome, target.track
            if isinstance(outcome, Look):
                track.who.add(outcome.vector, gallery, doubted=target.unsure)
                track.unsure = track.doubts != target.doubts  # a cut since then: the look is of before it
                said = "unknown"
                if track.who.claim is not None:
                    track.vain, said = 0, "named"
            else:
                said = outcome.reason if isinstance(outcome, NoLook) else "failed"
            LOOKS.labels(self._stream_id, said).inc()

    def _once(self, seen: _Seen) -> dict[int | None, Identity]:
        """Who is who in this frame, by track: each person once, where it is most alike."""
        best: dict[str, tuple[float, int, Claim]] = {}
        for number, track in seen.items():
            claim = track.who.claim
            if number is None or claim is None or track.unsure:
                continue
            score = claim.similarity + (_INCUMBENT if self._holders.get(claim.person) == number else 0.0)
            if claim.person not in best or score > best[claim.person][0]:
                best[claim.person] = (score, number, claim)
        self._holders.update({person: number for person, (_, number, _) in best.items()})
        return {number: _identity(claim) for _, number, claim in best.values()}

    def _forget(self, pts_us: int) -> None:
        """Forget tracks that are long gone; the tracker gives no number twice in a session."""
        gone = [number for number, track in self._tracks.items() if pts_us - track.seen_us > _FORGET_US]
        for number in gone:
            del self._tracks[number]
        if gone:
            self._holders = {person: number for person, number in self._holders.items() if number in self._tracks}


def _crop(frame: Frame, found: Detection) -> FaceCrop:
    region = crop_region(found.xyxy, _MARGIN, frame.size_wh)
    x1, y1, x2, y2 = found.xyxy
    left, top = region[:2]
    return FaceCrop(crop_image(frame.image, region), (x1 - left, y1 - top, x2 - left, y2 - top))


def _side(found: Detection) -> float:
    x1, y1, x2, y2 = found.xyxy
    return max(x2 - x1, y2 - y1)


def _identity(claim: Claim) -> Identity:
    similarity, threshold = (round(min(1.0, max(-1.0, value)), 4) for value in (claim.similarity, claim.threshold))
    return Identity(person=claim.person, similarity=similarity, threshold=threshold)
