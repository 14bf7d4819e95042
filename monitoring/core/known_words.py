"""The words of labels, from wherever a card has them: told by the nodes, or on this disk. Any thread.

A monitor on a machine of its own has the cards of what ships, but none of what was promoted on the nodes; so nodes say
the words of what they run with their status. The disk is asked rarely, and what it said is kept for a minute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

from workers.cluster.status import StatusBoard
from workers.errors import ModelError
from workers.label_words import LabelWords, usual_words
from workers.model_card import ModelCard, ModelStore, load_card

_KEPT_S = 60.0
_MOST_KEPT = 200

Vocabulary = Mapping[str, LabelWords]
_Key = tuple[str | None, int | None]


class KnownWords:
    """A WordSource (workers/label_words.py)."""

    def __init__(
        self, models: ModelStore, board: StatusBoard | None = None, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """board: what the nodes say; None where there is one process."""
        self._models = models
        self._board = board
        self._now_s = now_s
        self._lock = threading.Lock()
        self._read: dict[_Key, tuple[float, Vocabulary]] = {}

    def __call__(self, label: str, model: str | None = None, version: int | None = None) -> LabelWords | None:
        """See WordSource. Reads cards from the disk, once a minute each."""
        for vocabulary in self._told(model, version):
            if label in vocabulary:
                return vocabulary[label]
        return self._on_disk(model, version).get(label) or usual_words(label)

    def _told(self, model: str | None, version: int | None) -> Iterable[Vocabulary]:
        for node in self._board.nodes() if self._board is not None else ():
            for name, vocabulary in node.words.items():
                if model in (None, name) and version in (None, node.models.get(name)):
                    yield vocabulary

    def _on_disk(self, model: str | None, version: int | None) -> Vocabulary:
        key, now_s = (model, version), self._now_s()
        with self._lock:
            read_s, vocabulary = self._read.get(key, (0.0, None))
        if vocabulary is not None and now_s - read_s < _KEPT_S:
            return vocabulary
        vocabulary = self._all() if model is None else self._of(model, version)
        with self._lock:
            if len(self._read) >= _MOST_KEPT:
                self._read.clear()
            self._read[key] = (now_s, vocabulary)
        return vocabulary

    def _of(self, model: str, version: int | None) -> Vocabulary:
        """Those of one version; without one, of the version in service."""
        try:
            return load_card(self._models.folder(model, version), verify=False).words
        except (ModelError, OSError):
            return {}

    def _all(self) -> Vocabulary:
        """Those of every model; the version in service goes before others of its name."""
        found: dict[str, LabelWords] = {}
        for card in sorted(self._models.cards(), key=self._in_service):
            found |= card.words
        return found

    def _in_service(self, card: ModelCard) -> bool:
        try:
            return self._models.folder(card.name).name == str(card.version)
        except ModelError:
            return False
