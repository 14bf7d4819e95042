"""The state of one track: where it was seen, its label, its path, its zones and lines. Pure.

Everything here is stored as JSON at each commit: small dataclasses of plain values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BeforeValidator

from monitoring.core.handler import formerly
from monitoring.events.geometry import Anchor, Point, anchor_of
from workers.bus.event import PathPoint
from workers.bus.result import Detection, FrameResult, Identity

_PATH_POINTS = 64
_FIRST_STEP = 0.01
_MAX_FRAME_S = 0.5
"""No frame counts for more time than this, however long ago the one before was."""
_DECAY = 2.0
"""How much faster the score of a label falls than it rises."""
_NOBODY = ""
"""Instead of a person: nobody who is known."""


@dataclass(slots=True)
class Sighting:
    """A track in one frame. `attributes`: classifier name → label."""

    pts_us: int
    captured_at_ns: int
    size_wh: tuple[int, int]
    label: str
    confidence: float
    xyxy: tuple[float, float, float, float]
    identity: Identity | None = None
    attributes: dict[str, str] = field(default_factory=dict)

    def anchor(self, anchor: Anchor) -> Point:
        """Where it is, in shares of the frame."""
        return anchor_of(self.xyxy, self.size_wh, anchor)

    @classmethod
    def of(cls, result: FrameResult, detection: Detection) -> Sighting:
        """A detection of a result as a sighting."""
        return cls(
            pts_us=result.pts_us,
            captured_at_ns=result.captured_at_ns,
            size_wh=result.size_wh,
            label=detection.label,
            confidence=detection.confidence,
            xyxy=detection.xyxy,
            identity=detection.identity,
            attributes={model: attribute.label for model, attribute in detection.attributes.items()},
        )


@dataclass(slots=True)
class CandidateLabel:
    """Another label, its score, and the sighting since which the score is above 0."""

    score_s: float
    since: Sighting


@dataclass(slots=True)
class SmoothedLabel:
    """A track's label, or person, smoothed so that a flicker is no change, and a change is dated right.

    Of a person who is erased `current` becomes null where it is stored: nobody.

    A one-sided CUSUM for each other label (Page 1954): its score rises by the time it is seen and falls by twice the
    time it is not, never below 0, weighed by confidence. When it reaches `label_s` the track takes that label, dated to
    the frame in which its score was last 0. So a detector that changes its mind for good is followed after `label_s`,
    and an undecided one stays with what it says in two of three frames.
    """

    current: Annotated[str, BeforeValidator(lambda current: current or _NOBODY), formerly("current", "own")]
    since_us: int
    candidates: Annotated[dict[str, CandidateLabel], formerly("candidates", "rivals")] = field(default_factory=dict)

    def add(self, label: str, sighting: Sighting, seconds: float, needed_s: float) -> CandidateLabel | None:
        """Count a frame with the weight `seconds`: the time since the frame before, less when confidence is low.

        Returns the label that the track takes now, if it is another.
        """
        for other in list(self.candidates):
            if other != label:
                self.candidates[other].score_s -= _DECAY * seconds
                if self.candidates[other].score_s <= 0:
                    del self.candidates[other]
        if label == self.current:
            return None
        candidate = self.candidates.setdefault(label, CandidateLabel(0.0, sighting))
        candidate.score_s += seconds
        if candidate.score_s < needed_s:
            return None
        self.current, self.since_us, self.candidates = label, candidate.since.pts_us, {}
        return candidate


@dataclass(slots=True)
class Path:
    """Where a track's foot was: at most 64 points, from the first to the last, evenly spaced along the path.

    A point is added when it is `step` away from the one before. When there are too many, every second is dropped and
    the step doubles.
    """

    points: list[tuple[int, float, float]] = field(default_factory=list)
    step: float = _FIRST_STEP

    def add(self, sighting: Sighting) -> None:
        """Go on to a sighting."""
        x, y = sighting.anchor("foot")
        if self.points and math.dist(self.points[-1][1:], (x, y)) < self.step:
            return
        if len(self.points) == _PATH_POINTS - 1:  # room for the end
            self.points = self.points[::2]
            self.step *= 2
        self.points.append((sighting.pts_us, round(x, 4), round(y, 4)))

    def until(self, sighting: Sighting) -> tuple[PathPoint, ...]:
        """The whole path, up to a sighting."""
        points = list(self.points)
        if not points or points[-1][0] != sighting.pts_us:
            x, y = sighting.anchor("foot")
            points.append((sighting.pts_us, round(x, 4), round(y, 4)))
        return tuple(PathPoint(pts_us=pts_us, x=x, y=y) for pts_us, x, y in points)


@dataclass(slots=True)
class Visit:
    """A track and a zone. `since`: when it entered; `turn`: first seen on the other side, not settled yet."""

    inside: bool = False
    since: Sighting | None = None
    turn: Sighting | None = None
    stayed: bool = False


@dataclass(slots=True)
class Crossing:
    """A track and a line. `net`: crossings to the right minus those to the left, since it was last clear of the line.

    `at`: the first crossing; `clear`: whether it was ever away from the line.
    """

    net: int = 0
    at: Sighting | None = None
    clear: bool = False


@dataclass(slots=True)
class TrackAttribute:
    """A classifier's label of a track, and since when."""

    label: str
    since_us: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What a frame changed of a track: the label, the person, or None."""

    label: CandidateLabel | None
    person: CandidateLabel | None


def _unknown() -> SmoothedLabel:
    return SmoothedLabel(_NOBODY, 0)


@dataclass(slots=True)
class Track:
    """One track. Sightings before it has begun wait in `pending`.

    who: whose it is. identity: as it was when that person was last recognised; None while nobody is.
    """

    id: int
    detector: str
    first: Sighting
    last: Sighting
    smoothed: Annotated[SmoothedLabel, formerly("smoothed", "labels")]
    best_confidence: float
    begun: bool = False
    pending: list[Sighting] = field(default_factory=list)
    who: SmoothedLabel = field(default_factory=_unknown)
    identity: Identity | None = None
    attributes: dict[str, TrackAttribute] = field(default_factory=dict)
    path: Path = field(default_factory=Path)
    visits: dict[str, Visit] = field(default_factory=dict)
    crossings: dict[str, Crossing] = field(default_factory=dict)

    @classmethod
    def of(cls, number: int, detector: str, sighting: Sighting) -> Track:
        """A track seen for the first time."""
        label = SmoothedLabel(sighting.label, sighting.pts_us)
        return cls(number, detector, sighting, sighting, label, sighting.confidence)

    @property
    def label(self) -> str:
        """Its label, smoothed."""
        return self.smoothed.current

    @property
    def person(self) -> str | None:
        """Whose it is, smoothed; None while nobody is recognised."""
        return self.who.current or None

    def begin(self) -> None:
        """It is no flicker. Its label: the one with the most confidence and area, as newcomers are cut off at first."""
        scores: dict[str, float] = {}
        for sighting in self.pending:
            x1, y1, x2, y2 = sighting.xyxy
            scores[sighting.label] = scores.get(sighting.label, 0.0) + sighting.confidence * (x2 - x1) * (y2 - y1)
        self.begun, self.smoothed.current = True, max(scores, key=lambda label: scores[label])

    def follow(self, sighting: Sighting, label_s: float, person_s: float) -> Changes:
        """Take the next sighting: path, person, attributes, label. label_s, person_s: see EventSettings."""
        seconds = min((sighting.pts_us - self.last.pts_us) / 1e6, _MAX_FRAME_S)
        self.best_confidence = max(self.best_confidence, sighting.confidence)
        self.path.add(sighting)
        for model, label in sighting.attributes.items():
            known = self.attributes.get(model)
            if known is None or known.label != label:
                self.attributes[model] = TrackAttribute(label, sighting.pts_us)
        self.last = sighting
        weighed_s = seconds * sighting.confidence / (self.best_confidence or 1.0)
        relabelled = self.smoothed.add(sighting.label, sighting, weighed_s, label_s)
        return Changes(relabelled, self._recognise(sighting, seconds, person_s))

    def _recognise(self, sighting: Sighting, seconds: float, person_s: float) -> CandidateLabel | None:
        seen = sighting.identity
        changed = self.who.add(_NOBODY if seen is None else seen.person, sighting, seconds, person_s)
        if changed is not None:
            self.identity = changed.since.identity
        elif seen is not None and seen.person == self.person:
            self.identity = seen
        return changed
