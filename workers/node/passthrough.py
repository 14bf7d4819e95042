"""What may leave of a stream's picture. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stream.config import StreamConfig
from stream.ring import PacketRing
from stream.sources.source import Source


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where encoded packets come from: `ring` is None while there are none, and for a blurred stream always.

    request_key: asks the sender for a key frame, where it listens.
    """

    ring: PacketRing | None = None
    request_key: Callable[[], None] | None = None
    blurred: bool = False


def outlet_of(config: StreamConfig, source: Source | None) -> Outlet:
    """What may leave now. The packets of a blurred stream show faces: nobody outside the source gets them."""
    if config.blur or source is None:
        return Outlet(blurred=config.blur)
    return Outlet(source.ring, source.request_key)
