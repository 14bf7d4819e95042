"""Which of a stream's encoded packets others may have: none of a blurred one. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stream.config import StreamConfig
from stream.ring import PacketRing
from stream.sources.source import Source


@dataclass(frozen=True, slots=True)
class Passthrough:
    """A stream's encoded packets: `ring` is None while there are none, and for a blurred stream always.

    request_key: asks the sender for a key frame, where it listens.
    """

    ring: PacketRing | None = None
    request_key: Callable[[], None] | None = None
    blurred: bool = False


def passthrough_of(config: StreamConfig, source: Source | None) -> Passthrough:
    """What may leave now. The packets of a blurred stream show faces: nobody outside the source gets them."""
    if config.blur or source is None:
        return Passthrough(blurred=config.blur)
    return Passthrough(source.ring, source.request_key)
