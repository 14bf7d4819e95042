"""Which requests are recorded, and as what. Pure.

By method and path alone, because a request that another process answers never reaches a route here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from api.audit.entry import What

_STREAM = r"(?P<stream>[a-z0-9][a-z0-9_-]{0,62})"


@dataclass(frozen=True, slots=True)
class Observation:
    """What a request is, and of which stream."""

    what: What
    stream: str | None = None


_PATTERNS: dict[str, What] = {
    rf"/v1/streams/{_STREAM}/(?:video|mjpeg)": "live",
    rf"/v1/streams/{_STREAM}/snapshot\.jpg": "picture",
    r"/v1/snapshots/\d+": "snapshot",
    r"/v1/clips/\d+(?:/.*)?": "clip",
    r"/v1/people/[^/]+/looks/\d+/face\.jpg": "snapshot",
    r"/v1/people/[^/]+/sightings": "search",
    r"/v1/events\.csv": "download",
    r"/v1/report": "download",
    r"/v1/audit\.jsonl": "download",
}
_READS = tuple((re.compile(pattern), what) for pattern, what in _PATTERNS.items())
_CLIP = re.compile(rf"/v1/streams/{_STREAM}/clips")
_OF_STREAM = re.compile(rf"/v1/(?:streams|zones)/{_STREAM}(?:/.*)?")
_NO_CHANGES = re.compile(r"/(?:v1/predict(?:/.*)?|v1/ask|predict|batch-predict|v1/streams/test|v1/oidc/.*)")
"""Nothing is changed by these."""
_SEARCH = "/v1/people/search"
_SIGNING = frozenset({"/v1/login", "/v1/logout"})
"""Told by the accounts themselves, which know who it is."""
_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def observed(method: str, path: str) -> Observation | None:
    """What the request is; None for one that is not recorded while it succeeds. method: `WS` for a WebSocket."""
    if method in ("GET", "WS"):
        for pattern, what in _READS:
            if found := pattern.fullmatch(path):
                return Observation(what, found.groupdict().get("stream"))
        return None
    if method not in _CHANGES or path in _SIGNING or _NO_CHANGES.fullmatch(path):
        return None
    if path == _SEARCH:
        return Observation("search")
    if found := _CLIP.fullmatch(path):
        return Observation("clip", found["stream"])
    return Observation("change", stream_of(path))


def tells_itself(path: str) -> bool:
    """Whether the route records by itself what came of it, refusals included."""
    return path in _SIGNING


def stream_of(path: str) -> str | None:
    """The stream that a path names."""
    found = _OF_STREAM.fullmatch(path)
    return None if found is None else found["stream"]
