"""Who a track is, by all looks at it together. Pure; one thread at a time.

One look at a face says little where it is dark or small: the looks of a track are pooled, and their mean is compared.
A track gets a name by one look well above the person's threshold, or by two above it, and by the margin to the second
person; it loses it when the mean falls below the threshold by some more, so that a name does not come and go.

A tracker may mix two people up, most of all over a cut. A new pool begins with a look that is not like those before, or
that is somebody else by itself; and where the picture changed at once, with any that is not surely of the same person.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from workers.engines.engine import F32
from workers.identity.gallery import Gallery, mean_look

WELL_ABOVE = 0.06
"""So much above the threshold one look is enough: seven times fewer strangers get there than to the threshold."""
HOLD = 0.05
"""So much below the threshold who is named keeps the name."""
NEAR = 0.08
"""So much below the threshold a track may still be that person: its mean rises with more looks."""
FEW = 5
"""So many looks say what can be said at once; after them it takes better ones."""
_MOST_LOOKS = 8


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a track is. similarity: of its mean look to the person; threshold: the person's."""

    person: str
    similarity: float
    threshold: float


class TrackIdentity:
    """The newest looks of one track, and who it is by them. `claim`: None while that is not known."""

    def __init__(self) -> None:
        self._looks: deque[F32] = deque(maxlen=_MOST_LOOKS)
        self._mean: F32 | None = None
        self._promising = False
        self.claim: Claim | None = None

    @property
    def count(self) -> int:
        """How many looks there are, since the last break."""
        return len(self._looks)

    @property
    def promising(self) -> bool:
        """Whether the few looks that there are make somebody likely, not sure: some more soon will tell."""
        return self._promising

    def add(self, vector: F32, gallery: Gallery, *, doubted: bool = False) -> bool:
        """Add a look, float32 (features) of unit length, and decide. Returns whether it was like those before.

        doubted: the picture changed at once since the look before, so that it may be somebody else.
        """
        least = gallery.law.same if doubted else gallery.law.different
        alike = self._mean is None or float(self._mean @ vector) >= least
        if self.claim is not None and gallery.match(vector).person not in (None, self.claim.person):
            alike = False
        if not alike:
            self._looks.clear()
            self.claim = None
        self._looks.append(vector)
        self._mean = mean_look(self._looks)
        self.decide(gallery)
        return alike

    def decide(self, gallery: Gallery) -> Claim | None:
        """Decide anew, as after a change of the gallery; no new look is needed."""
        self.claim = None if self._mean is None else self._decided(self._mean, gallery)
        return self.claim

    def _decided(self, mean: F32, gallery: Gallery) -> Claim | None:
        found = gallery.match(mean)
        held = self.claim.person if self.claim is not None else None
        near = found.threshold - NEAR <= found.similarity < found.threshold + WELL_ABOVE
        self._promising = near and found.margin >= gallery.law.margin and self.count < FEW
        if found.person is not None and (found.person == held or self._is_seen(found.person, found.threshold, gallery)):
            return Claim(found.person, found.similarity, found.threshold)
        index = None if held is None else gallery.index(held)
        if held is None or index is None:
            return None
        similarity, threshold = gallery.similarity(held, mean), float(gallery.thresholds[index])
        return Claim(held, similarity, threshold) if similarity >= threshold - HOLD else None

    def _is_seen(self, person: str, threshold: float, gallery: Gallery) -> bool:
        """Whether single looks say so, too: one well above, or two above."""
        own = np.array([gallery.similarity(person, look) for look in self._looks])
        return bool(own.max() >= threshold + WELL_ABOVE or (own >= threshold).sum() >= 2)
