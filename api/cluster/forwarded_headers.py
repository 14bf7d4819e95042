"""What of a request goes on to the process that answers it, and what of its answer comes back. Pure.

Both are lists of what is let through. So no cookie, key or signed link of a viewer reaches a node, and no node sets a
cookie, sends a browser to another host, or has a page of its own run in this one's origin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from api.cluster.routing import RemoteNode
from workers.access.assertion import HEADER as ASSERTION

VIA: Final = "x-livesight-via"
"""Marks a forwarded request where processes share no secret."""

_ASKED = frozenset(
    "accept accept-encoding accept-language cache-control content-encoding content-language content-length "
    "content-type if-match if-modified-since if-none-match if-range if-unmodified-since last-event-id prefer range "
    "traceparent tracestate user-agent x-request-id".split()
)
_ANSWERED = frozenset(
    "accept-patch accept-post accept-ranges age allow cache-control content-disposition content-encoding "
    "content-language content-length content-range content-type etag expires last-modified link location "
    "preference-applied retry-after vary x-request-id".split()
)
_OURS = "x-livesight-"
_PASSIVE = re.compile(
    r"(?:image/(?!svg)[\w.+-]+|(?:video|audio)/[\w.+-]+|multipart/x-mixed-replace|application/(?:problem\+)?json|"
    r"application/octet-stream|application/(?:sdp|trickle-ice-sdpfrag)|text/(?:plain|csv|event-stream))(?:\s*;.*)?",
    re.IGNORECASE,
)
_LINKED = re.compile(r"<([^>]*)>")
_ICE = ("stun:", "stuns:", "turn:", "turns:")
_LINK_PARTS = (b"exp=", b"by=", b"sig=")


def asked(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of a request that its answer may depend on. `accept-encoding` always, as the client has it."""
    kept = [(name, value) for name, value in headers if name.lower() in _ASKED]
    if not any(name.lower() == "accept-encoding" for name, _ in kept):
        kept.append(("accept-encoding", "identity"))
    return kept


def answered(headers: Iterable[tuple[str, str]], target: RemoteNode) -> list[tuple[str, str]]:
    """The headers of an answer that reach the client."""
    kept: list[tuple[str, str]] = []
    for original, value in headers:
        name = original.lower()
        if name == "location":
            if (path := _own_path(value, target)) is not None:
                kept.append((name, path))
        elif name == "content-type":
            kept.append((name, content_type(value, target)))
        elif name == "link":
            if all(_is_harmless(found, target) for found in _LINKED.findall(value)):
                kept.append((name, value))
        elif name in _ANSWERED or (name.startswith(_OURS) and name not in (VIA, ASSERTION)):
            kept.append((name, value))
        elif name == "content-security-policy" and target.is_monitor:  # its report is a page
            kept.append((name, value))
    return kept


def content_type(value: str, target: RemoteNode) -> str:
    """The type of an answer: of a node nothing that a browser would run, as the monitor's pages are."""
    return value if target.is_monitor or _PASSIVE.fullmatch(value.strip()) else "application/octet-stream"


def query_of(query: bytes) -> bytes:
    """A request's query without what signs a link: the assertion stands for that."""
    parts = query.split(b"&")
    if not any(part.startswith(b"sig=") for part in parts):
        return query
    return b"&".join(part for part in parts if not part.startswith(_LINK_PARTS))


def _own_path(address: str, target: RemoteNode) -> str | None:
    """An address as a path of this origin; None for one of another."""
    if address.startswith(target.address + "/"):
        address = address.removeprefix(target.address)
    return address if address.startswith("/") and not address.startswith("//") and "\\" not in address else None


def _is_harmless(address: str, target: RemoteNode) -> bool:
    return address.startswith(_ICE) or _own_path(address, target) is not None
