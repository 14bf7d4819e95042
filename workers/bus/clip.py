"""A clip, as nodes cut it and alerts keep it. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clip:
    """A file in memory, `video/mp4` or `video/webm`, that shows pictures from `from_us` to `to_us` of its session."""

    data: bytes
    media_type: str
    from_us: int
    to_us: int
