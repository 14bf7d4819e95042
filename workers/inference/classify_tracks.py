"""When a stream's tracks and frames are classified, and their attributes. One worker's thread at a time.

A track is classified once, again when its crop got clearly better (`ClassifySettings.gain`, compared every `again_s`),
and again when the detector changed its label or another version came into service. In between it keeps its attributes.
They show only while they are true: of the version in service, for a label the classifier applies to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stream.frame import Frame
from workers.bus.result import Attribute, Detection
from workers.engines.hot_swap import EngineSlot
from workers.engines.letterbox import Letterbox
from workers.images.crops import crop_image, crop_region
from workers.images.image_figures import Mode
from workers.inference.classify import Classifiers, Crop, CropBatch
from workers.inference.looking_again import Again, LastLook, quality_of
from workers.model_card import ModelCard
from workers.settings import ClassifySettings

_FORGET_US = 10_000_000


@dataclass(slots=True)
class _Classified(LastLook):
    """The best crop of one track that one classifier got, and what it said."""

    version: int
    attribute: Attribute | None


@dataclass(slots=True)
class _Track:
    seen_us: int
    classified: dict[str, _Classified] = field(default_factory=dict)


@dataclass(slots=True)
class _Target:
    """What a crop shows: a track, a box without one (`index` in its frame), or else the whole frame."""

    crop: Crop
    quality: float = 0.0
    label: str = ""
    index: int | None = None
    track: _Track | None = None


class StreamClassifier:
    """The classifiers of one stream. `apply` is called with each frame, in order."""

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
        self._again = Again(settings.gain, settings.again_s)
        self._mode = mode
        self._letterbox = Letterbox()
        self.reset()

    def reset(self) -> None:
        """Start a new session: forget every track; crops still being classified are ignored."""
        self._tracks: dict[int, _Track] = {}
        self._pending: tuple[CropBatch, list[_Target]] | None = None
        self._image = _ImageAttributes()

    def apply(
        self, frame: Frame, detections: list[Detection]
    ) -> tuple[list[Detection], dict[str, Attribute], dict[str, int]]:
        """The detections with their attributes, the frame's own attributes, and the classifiers' versions."""
        if not self._models:
            return detections, {}, {}
        cards = {name: self._slots[name].card for name in self._models}
        if self._pending is not None and self._pending[0].done:
            self._store(self._pending[1])
            self._pending = None
        self._forget(frame.pts_us)
        untracked: dict[int, dict[str, Attribute]] = {}
        if self._pending is None:
            targets = [*self._whole_frame(frame, cards), *self._boxes(frame, detections, cards)]
            untracked = self._classify(targets, frame.pts_us)
        shown = [
            self._with_attributes(found, cards, untracked.get(index, {})) for index, found in enumerate(detections)
        ]
        return shown, self._image.shown(cards), {name: card.version for name, card in cards.items()}

    def _whole_frame(self, frame: Frame, cards: Mapping[str, ModelCard]) -> Iterator[_Target]:
        own = [card for card in cards.values() if card.applies_to == "image"]
        every_s = 0.0 if self._mode == "stills" else self._settings.image_s
        if own and self._image.is_due(frame.pts_us, every_s, own):
            self._image.classified_us = frame.pts_us
            for card in own:
                yield _Target(Crop(card.name, card.version, frame.image))

    def _boxes(
        self, frame: Frame, detections: Sequence[Detection], cards: Mapping[str, ModelCard]
    ) -> Iterator[_Target]:
        for card in cards.values():
            for index, found in enumerate(detections):
                if card.applies_to == "image" or found.label not in card.applies_to:
                    continue
                tracked = found.track_id is not None and self._mode != "stills"
                if not tracked and self._mode == "live":
                    continue
                target = _Target(Crop(card.name, card.version, frame.image), 0.0, found.label, index)
                if tracked:
                    assert found.track_id is not None
                    target.track = self._tracks.setdefault(found.track_id, _Track(frame.pts_us))
                    target.track.seen_us = frame.pts_us
                    if not self._is_due(target, found, frame, card.crop_margin):
                        continue
                target.crop.image = crop_image(frame.image, crop_region(found.xyxy, card.crop_margin, frame.size_wh))
                yield target

    def _is_due(self, target: _Target, found: Detection, frame: Frame, margin: float) -> bool:
        """Whether to classify this track now; measures the crop's quality only when that may matter."""
        assert target.track is not None
        before = target.track.classified.get(target.crop.model)
        if before is None or before.version != target.crop.version:
            target.quality = quality_of(frame, found, margin)
            return True
        better = before.better(frame, found, margin, self._again)
        target.quality = better or 0.0
        return better is not None

    def _classify(self, targets: list[_Target], pts_us: int) -> dict[int, dict[str, Attribute]]:
        """Classify now, and give the attributes of boxes without a track, by index; or, live, soon."""
        if self._mode == "live":
            targets = sorted(targets, key=lambda one: (one.index is not None, -one.quality))
            targets = targets[: self._settings.crops]
        if not targets:
            return {}
        for one in targets:
            if one.track is not None:
                before = one.track.classified.get(one.crop.model)
                last = before.attribute if before is not None and before.version == one.crop.version else None
                one.track.classified[one.crop.model] = _Classified(
                    one.label, one.quality, pts_us, one.crop.version, last
                )
        crops = tuple(one.crop for one in targets)
        if self._mode == "live":
            self._pending = (CropBatch(crops), targets)
            self._classifiers.submit(self._pending[0])
            return {}
        self._classifiers.run(crops, self._letterbox)
        self._store(targets)
        untracked: dict[int, dict[str, Attribute]] = {}
        for one in targets:
            if one.track is None and one.index is not None and one.crop.attribute is not None:
                untracked.setdefault(one.index, {})[one.crop.model] = one.crop.attribute
        return untracked

    def _store(self, targets: list[_Target]) -> None:
        for one in targets:
            if one.track is None and one.index is None:
                self._image.store(one.crop)
            entry = one.track.classified.get(one.crop.model) if one.track is not None else None
            if entry is None:
                continue
            if one.crop.failed:
                entry.quality = 0.0  # any crop is better: it is classified again after again_s
            else:
                entry.attribute = one.crop.attribute

    def _with_attributes(
        self, found: Detection, cards: Mapping[str, ModelCard], untracked: Mapping[str, Attribute]
    ) -> Detection:
        attributes = dict(untracked)
        track = self._tracks.get(found.track_id) if found.track_id is not None else None
        for name, entry in (track.classified if track is not None else {}).items():
            card = cards[name]
            if entry.attribute is not None and entry.version == card.version and found.label in card.applies_to:
                attributes[name] = entry.attribute
        return found.model_copy(update={"attributes": attributes}) if attributes else found

    def _forget(self, pts_us: int) -> None:
        """Forget tracks that are long gone; the tracker gives no number twice in a session."""
        gone = [number for number, track in self._tracks.items() if pts_us - track.seen_us > _FORGET_US]
        for number in gone:
            del self._tracks[number]


class _ImageAttributes:
    """The attributes of a stream's whole frames."""

    def __init__(self) -> None:
        self.classified_us: int | None = None
        self._attributes: dict[str, tuple[int, Attribute]] = {}
        self._versions: dict[str, int] = {}

    def is_due(self, pts_us: int, every_s: float, cards: Sequence[ModelCard]) -> bool:
        """Whether `every_s` is over, or a version came into service since."""
        if self.classified_us is None or pts_us - self.classified_us >= every_s * 1e6:
            return True
        return any(self._versions.get(card.name) != card.version for card in cards)

    def store(self, crop: Crop) -> None:
        """Store a crop's attribute. One that failed keeps the last attribute; one below its threshold removes it."""
        self._versions[crop.model] = crop.version
        if not crop.failed:
            self._attributes.pop(crop.model, None)
            if crop.attribute is not None:
                self._attributes[crop.model] = (crop.version, crop.attribute)

    def shown(self, cards: Mapping[str, ModelCard]) -> dict[str, Attribute]:
        """The attributes that results carry: those of versions in service."""
        return {
            name: attribute for name, (version, attribute) in self._attributes.items() if cards[name].version == version
        }
