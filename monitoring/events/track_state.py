"""One track as the events handler knows it: what was seen of it, its label, its way. Pure.

Everything here is kept as JSON between two commits: dataclasses of plain values, small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from monitoring.events.geometry import Anchor, Point, anchor_of
from workers.bus.event import PathPoint
from workers.bus.result import Detection, FrameResult

_PATH_POINTS = 64
_FIRST_STEP = 0.01
_LONGEST_S = 0.5
"""No picture speaks for more time than this, however long ago the one before was."""
_AGAINST = 2.0


@dataclass(slots=True)
class Sighting:
    """A track in one picture. `attributes`: the classifiers' labels by their names."""

    pts_us: int
    captured_at_ns: int
    size_wh: tuple[int, int]
    label: str
    confidence: float
    xyxy: tuple[float, float, float, float]
    person: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)

    def anchor(self, anchor: Anchor) -> Point:
        """Where it is, in shares of the picture."""
        return anchor_of(self.xyxy, self.size_wh, anchor)

    @classmethod
    def of(cls, result: FrameResult, detection: Detection) -> Sighting:
        """What a result says of one track."""
        return cls(
            pts_us=result.pts_us,
            captured_at_ns=result.captured_at_ns,
            size_wh=result.size_wh,
            label=detection.label,
            confidence=detection.confidence,
            xyxy=detection.xyxy,
            person=None if detection.identity is None else detection.identity.person,
            attributes={model: attribute.label for model, attribute in detection.attributes.items()},
        )


@dataclass(slots=True)
class Rival:
    """Another label, how much speaks for it, and the picture since which that is more than nothing."""

    score_s: float
    since: Sighting


@dataclass(slots=True)
class LabelEvidence:
    """A track's label, so that a flicker of the detector is no change, and the time of a change is right.

    A one-sided CUSUM for each other label (Page 1954): its score grows by the time it is seen for and shrinks by twice
    the time that it is not, never below 0, each weighed by confidence. With `label_s` it is the track's own, since the
    picture in which its score was last 0. So a detector that changes its mind for good is followed after `label_s`,
    and one that is undecided stays with what it says in two of three pictures.
    """

    own: str
    since_us: int
    rivals: dict[str, Rival] = field(default_factory=dict)

    def add(self, sighting: Sighting, seconds: float, label_s: float) -> Rival | None:
        """Count a picture that speaks for `seconds`; the label that is the track's own from now on, if it is another.

        `seconds`: since the picture before, less for a picture of little confidence.
        """
        for label in list(self.rivals):
            if label != sighting.label:
                self.rivals[label].score_s -= _AGAINST * seconds
                if self.rivals[label].score_s <= 0:
                    del self.rivals[label]
        if sighting.label == self.own:
            return None
        rival = self.rivals.setdefault(sighting.label, Rival(0.0, sighting))
        rival.score_s += seconds
        if rival.score_s < label_s:
            return None
        self.own, self.since_us, self.rivals = sighting.label, rival.since.pts_us, {}
        return rival


@dataclass(slots=True)
class Path:
    """Where a track's foot was: at most 64 points, from the first to the last, evenly along the way.

    A point is kept when it is `step` away from the one before; when there are too many, every second goes, and the
    step doubles.
    """

    points: list[tuple[int, float, float]] = field(default_factory=list)
    step: float = _FIRST_STEP

    def add(self, sighting: Sighting) -> None:
        """Go on to where it is now."""
        x, y = sighting.anchor("foot")
        if self.points and math.dist(self.points[-1][1:], (x, y)) < self.step:
            return
        if len(self.points) == _PATH_POINTS - 1:  # the last is for where it ends
            self.points = self.points[::2]
            self.step *= 2
        self.points.append((sighting.pts_us, round(x, 4), round(y, 4)))

    def until(self, sighting: Sighting) -> tuple[PathPoint, ...]:
        """The whole way, to where it was last."""
        points = list(self.points)
        if not points or points[-1][0] != sighting.pts_us:
            x, y = sighting.anchor("foot")
            points.append((sighting.pts_us, round(x, 4), round(y, 4)))
        return tuple(PathPoint(pts_us=pts_us, x=x, y=y) for pts_us, x, y in points)


@dataclass(slots=True)
class Visit:
    """A track and a zone. `since`: when it came in; `turn`: when it was first seen on the other side, not settled."""

    inside: bool = False
    since: Sighting | None = None
    turn: Sighting | None = None
    stayed: bool = False


@dataclass(slots=True)
class Crossing:
    """A track and a line: how often it went through to the right, less to the left, since it was last clear of it.

    `at`: where it first went through; `clear`: whether it was ever away from the line.
    """

    net: int = 0
    at: Sighting | None = None
    clear: bool = False


@dataclass(slots=True)
class TrackAttribute:
    """What a classifier says of a track, and since when."""

    label: str
    since_us: int


@dataclass(slots=True)
class Track:
    """One track. What is seen before it has begun waits in `pending`."""

    id: int
    detector: str
    first: Sighting
    last: Sighting
    labels: LabelEvidence
    best_confidence: float
    begun: bool = False
    pending: list[Sighting] = field(default_factory=list)
    person: str | None = None
    attributes: dict[str, TrackAttribute] = field(default_factory=dict)
    path: Path = field(default_factory=Path)
    visits: dict[str, Visit] = field(default_factory=dict)
    crossings: dict[str, Crossing] = field(default_factory=dict)

    @classmethod
    def of(cls, number: int, detector: str, sighting: Sighting) -> Track:
        """One that is seen for the first time."""
        labels = LabelEvidence(sighting.label, sighting.pts_us)
        return cls(number, detector, sighting, sighting, labels, sighting.confidence)

    @property
    def label(self) -> str:
        """The label that is its own."""
        return self.labels.own

    def begin(self) -> None:
        """It is no flicker. Its label is what most speaks for, by confidence and area, as who comes is cut at first."""
        scores: dict[str, float] = {}
        for sighting in self.pending:
            x1, y1, x2, y2 = sighting.xyxy
            scores[sighting.label] = scores.get(sighting.label, 0.0) + sighting.confidence * (x2 - x1) * (y2 - y1)
        self.begun, self.labels.own = True, max(scores, key=lambda label: scores[label])

    def follow(self, sighting: Sighting, label_s: float) -> Rival | None:
        """Go on to the next picture: its way, who it is, what classifiers say, its label; that, when it changed."""
        seconds = min((sighting.pts_us - self.last.pts_us) / 1e6, _LONGEST_S)
        self.best_confidence = max(self.best_confidence, sighting.confidence)
        self.path.add(sighting)
        self.person = sighting.person or self.person
        for model, label in sighting.attributes.items():
            known = self.attributes.get(model)
            if known is None or known.label != label:
                self.attributes[model] = TrackAttribute(label, sighting.pts_us)
        self.last = sighting
        return self.labels.add(sighting, seconds * sighting.confidence / (self.best_confidence or 1.0), label_s)
