"""The models of a node: what is loaded, what is in service, what they say of one image. Any thread; loading blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import av

from stream.config import DEFAULT_MODELS
from stream.decoding.still import Still
from stream.frame import Frame, new_session
from workers.bus.result import FrameResult
from workers.engines.hot_swap import EngineSlots
from workers.errors import ModelError
from workers.explain.explain import Explainer
from workers.inference.detect import image_result
from workers.label_words import LabelWords, usual_words
from workers.model_card import ModelCard, ModelStore
from workers.registry.promotion import Promotion, Promotions
from workers.settings import NodeSettings


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """One version on this node's disk.

    chosen: a camera that names the model gets it. since_ns: wall clock of the promotion or rollback that chose it;
    None when it came with the service. previous: what a rollback would choose instead; None where it is not chosen.
    """

    card: ModelCard
    chosen: bool
    since_ns: int | None
    previous: int | None


class NodeModels:
    """Owned by the node. `slots` hold the engines; `promotions` put others in; `explainer` explains what they found.

    promoted: called after a version was put in service here, with the wall clock in ns; must not block.
    """

    def __init__(
        self,
        settings: NodeSettings,
        store: ModelStore,
        slots: EngineSlots,
        promoted: Callable[[Promotion, int], None],
    ) -> None:
        self._node = settings.name
        self._tags = settings.workers.tags
        self._store = store
        self.slots = slots
        self.explainer = Explainer(store, slots, settings.name)
        self.promotions = Promotions(store, slots, settings.workers, promoted)

    def start(self, names: Iterable[str]) -> None:
        """Load models, and follow promotions of other processes from now on. Raises ModelError, EngineError."""
        self.slots.ensure(names)
        self.promotions.watch()

    def analyse_image(self, still: Still, models: tuple[str, ...] | None = None) -> FrameResult:
        """Detect in one image. Blocks; there is no tracking. Raises ModelError, EngineError."""
        names = models or DEFAULT_MODELS
        self.slots.ensure(names)
        pixels = av.VideoFrame.from_numpy_buffer(still.bgr, format="bgr24")
        now_s = time.monotonic()
        frame = Frame("predict", new_session(), 0, 0, 0, time.time_ns(), now_s, 0.0, pixels, still.small)
        return image_result(self.slots, frame, names, self._node, self._tags)

    def word_of(self, label: str, model: str | None = None, version: int | None = None) -> LabelWords | None:
        """A WordSource (workers/label_words.py): of the models in service. Never waits."""
        slot = None if model is None else self.slots.get(model)
        return (None if slot is None else slot.card.words.get(label)) or usual_words(label)

    def cards(self) -> list[ModelCard]:
        """The cards of all models that can be loaded, all versions. Reads the disk."""
        return self._store.cards()

    def versions(self) -> list[KnownVersion]:
        """All versions of all models that can be loaded, by name and version. Reads the disk."""
        cards = self.cards()
        chosen = {name: self._chosen(name) for name in {card.name for card in cards}}
        return [self._known(card, chosen[card.name] == card.version) for card in cards]

    def _known(self, card: ModelCard, chosen: bool) -> KnownVersion:
        if not chosen:
            return KnownVersion(card, False, None, None)
        since_ns = self.promotions.since_ns(card.name, card.version)
        return KnownVersion(card, True, since_ns, self.promotions.previous(card.name))

    def _chosen(self, name: str) -> int | None:
        """None where `current` points nowhere; loading says so."""
        slot = self.slots.get(name)
        if slot is not None:
            return slot.card.version
        try:
            return int(self._store.folder(name).name)
        except ModelError:
            return None

    def loaded(self) -> dict[str, tuple[int, str]]:
        """The models in service: name → (version, backend). Never waits."""
        return {name: (slot.card.version, slot.backend) for name, slot in list(self.slots.items())}

    def words(self) -> dict[str, dict[str, LabelWords]]:
        """What the cards of the models in service call their labels: name → label → words. Never waits."""
        return {name: slot.card.words for name, slot in list(self.slots.items()) if slot.card.words}
