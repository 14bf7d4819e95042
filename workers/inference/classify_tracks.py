"""What classifiers said of one stream: its tracks, and its picture. One thread at a time (the lane's).

A track is looked at once, again when its crop got clearly better (`ClassifySettings.gain`, compared every `again_s`),
and again when the detector changed its mind about the label or another version came into service. In between it keeps
its attributes. They show only while they are true: of the version in service, for a label the classifier applies to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stream.frame import Frame
from workers.bus.result import Attribute, Detection
from workers.card import ModelCard
from workers.engines.hot_swap import EngineSlot
from workers.engines.letterbox import Letterbox
from workers.images.crops import crop_region, cut, quality
from workers.images.figures import Mode
from workers.inference.classify import Classifiers, Crop, Submission
from workers.settings import ClassifySettings

_FORGET_US = 10_000_000


@dataclass(slots=True)
class _Known:
    """What one classifier knows of one track, and of which crop. `asked_us`: when it was last looked at or compared."""

    version: int
    label: str
    quality: float
    asked_us: int
    attribute: Attribute | None


@dataclass(slots=True)
class _Track:
    seen_us: int
    known: dict[str, _Known] = field(default_factory=dict)


@dataclass(slots=True)
class _Wanted:
    """A crop to be looked at, and whose it is: a track's, a box's (`index` in its picture), or else the picture's."""

    crop: Crop
    quality: float = 0.0
    label: str = ""
    index: int | None = None
    track: _Track | None = None


class StreamClassifier:
    """The classifiers of one stream. `apply` is called with each picture, in order."""

    def __init__(
        self,
        slots: Mapping[str, EngineSlot],
        models: Sequence[str],
        classifiers: Classifiers,
        settings: ClassifySettings,
        mode: Mode,
    ) -> None:
        self._slots = slots
        self._models = [name for name in models if slots[name].card.task == "classify"]
        self._classifiers = classifiers
        self._settings = settings
        self._mode = mode
        self._letterbox = Letterbox()
        self.reset()

    def reset(self) -> None:
        """A new session: nothing is known; answers still under way are for nobody."""
        self._tracks: dict[int, _Track] = {}
        self._pending: tuple[Submission, list[_Wanted]] | None = None
        self._image = _Image()

    def apply(
        self, frame: Frame, detections: list[Detection]
    ) -> tuple[list[Detection], dict[str, Attribute], dict[str, int]]:
        """The detections with their attributes, the picture's own, and the classifiers' versions."""
        if not self._models:
            return detections, {}, {}
        cards = {name: self._slots[name].card for name in self._models}
        if self._pending is not None and self._pending[0].done:
            self._absorb(self._pending[1])
            self._pending = None
        self._forget(frame.pts_us)
        own: dict[int, dict[str, Attribute]] = {}
        if self._pending is None:
            self._ask([*self._picture(frame, cards), *self._boxes(frame, detections, cards)], frame.pts_us, own)
        shown = [self._with_attributes(found, cards, own.get(index, {})) for index, found in enumerate(detections)]
        return shown, self._image.shown(cards), {name: card.version for name, card in cards.items()}

    def _picture(self, frame: Frame, cards: Mapping[str, ModelCard]) -> Iterator[_Wanted]:
        own = [card for card in cards.values() if card.applies_to == "image"]
        every_s = 0.0 if self._mode == "stills" else self._settings.image_s
        if own and self._image.is_due(frame.pts_us, every_s, own):
            self._image.looked_us = frame.pts_us
            for card in own:
                yield _Wanted(Crop(card.name, card.version, frame.image))

    def _boxes(
        self, frame: Frame, detections: Sequence[Detection], cards: Mapping[str, ModelCard]
    ) -> Iterator[_Wanted]:
        for card in cards.values():
            for index, found in enumerate(detections):
                if card.applies_to == "image" or found.label not in card.applies_to:
                    continue
                tracked = found.track_id is not None and self._mode != "stills"
                if not tracked and self._mode == "live":
                    continue
                region = crop_region(found.xyxy, card.crop_margin, frame.size_wh)
                wanted = _Wanted(Crop(card.name, card.version, frame.image), 0.0, found.label, index)
                if tracked:
                    assert found.track_id is not None
                    wanted.track = self._tracks.setdefault(found.track_id, _Track(frame.pts_us))
                    wanted.track.seen_us = frame.pts_us
                    if not self._is_due(wanted, found, frame, region):
                        continue
                wanted.crop.picture = cut(frame.image, region)
                yield wanted

    def _is_due(self, wanted: _Wanted, found: Detection, frame: Frame, region: tuple[int, int, int, int]) -> bool:
        """Whether this track is to be looked at now; measures the crop's quality only when that may matter."""
        assert wanted.track is not None
        known = wanted.track.known.get(wanted.crop.model)
        if known is None or known.version != wanted.crop.version:
            wanted.quality = quality(frame.image, region, found.confidence)
            return True
        if frame.pts_us - known.asked_us < self._settings.again_s * 1e6:
            return False
        known.asked_us = frame.pts_us
        wanted.quality = quality(frame.image, region, found.confidence)
        return known.label != found.label or wanted.quality >= self._settings.gain * known.quality

    def _ask(self, wanted: list[_Wanted], pts_us: int, own: dict[int, dict[str, Attribute]]) -> None:
        """Have the crops looked at: at once, with the answers of untracked boxes put into `own`, or live, soon."""
        if self._mode == "live":
            wanted = sorted(wanted, key=lambda one: (one.index is not None, -one.quality))
            wanted = wanted[: self._settings.crops]
        if not wanted:
            return
        for one in wanted:
            if one.track is not None:
                before = one.track.known.get(one.crop.model)
                kept = before.attribute if before is not None and before.version == one.crop.version else None
                one.track.known[one.crop.model] = _Known(one.crop.version, one.label, one.quality, pts_us, kept)
        crops = tuple(one.crop for one in wanted)
        if self._mode == "live":
            self._pending = (Submission(crops), wanted)
            self._classifiers.submit(self._pending[0])
            return
        self._classifiers.run(crops, self._letterbox)
        self._absorb(wanted)
        for one in wanted:
            if one.track is None and one.index is not None and one.crop.answer is not None:
                own.setdefault(one.index, {})[one.crop.model] = one.crop.answer

    def _absorb(self, answered: list[_Wanted]) -> None:
        for one in answered:
            if one.track is None and one.index is None:
                self._image.absorb(one.crop)
            known = one.track.known.get(one.crop.model) if one.track is not None else None
            if known is None:
                continue
            if one.crop.failed:
                known.quality = 0.0  # any crop is better: it is looked at again after again_s
            else:
                known.attribute = one.crop.answer

    def _with_attributes(
        self, found: Detection, cards: Mapping[str, ModelCard], own: Mapping[str, Attribute]
    ) -> Detection:
        attributes = dict(own)
        track = self._tracks.get(found.track_id) if found.track_id is not None else None
        for name, known in (track.known if track is not None else {}).items():
            card = cards[name]
            if known.attribute is not None and known.version == card.version and found.label in card.applies_to:
                attributes[name] = known.attribute
        return found.model_copy(update={"attributes": attributes}) if attributes else found

    def _forget(self, pts_us: int) -> None:
        """Let go of tracks that are long gone; the tracker gives no number twice in a session."""
        gone = [number for number, track in self._tracks.items() if pts_us - track.seen_us > _FORGET_US]
        for number in gone:
            del self._tracks[number]


class _Image:
    """What classifiers said of a stream's picture."""

    def __init__(self) -> None:
        self.looked_us: int | None = None
        self._attributes: dict[str, tuple[int, Attribute]] = {}
        self._asked: dict[str, int] = {}

    def is_due(self, pts_us: int, every_s: float, cards: Sequence[ModelCard]) -> bool:
        """Whether it is time, or a version is in service that never looked."""
        if self.looked_us is None or pts_us - self.looked_us >= every_s * 1e6:
            return True
        return any(self._asked.get(card.name) != card.version for card in cards)

    def absorb(self, crop: Crop) -> None:
        """Keep an answer. A classifier that failed keeps its last; one that is unsure has none."""
        self._asked[crop.model] = crop.version
        if not crop.failed:
            self._attributes.pop(crop.model, None)
            if crop.answer is not None:
                self._attributes[crop.model] = (crop.version, crop.answer)

    def shown(self, cards: Mapping[str, ModelCard]) -> dict[str, Attribute]:
        """What results carry: the attributes of versions in service."""
        return {
            name: attribute for name, (version, attribute) in self._attributes.items() if cards[name].version == version
        }
