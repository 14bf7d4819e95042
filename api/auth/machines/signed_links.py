"""Signed links: addresses that work without a header, for a short time. Pure.

For players, mails and pages of other hosts: `PATH?QUERY&exp=1763687900&by=…&sig=…`. The signature covers the path, the
query as it stands before `exp`, the time at which the link ends, and who made it; the method is GET. A link may do what
its issuer may do at the moment it is used, on that path, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote, unquote

from stream.config import STREAM_ID_PATTERN
from workers.access.roles import Action
from workers.errors import AccessError

_VERSION = "livesight.link/1"
_STREAM = STREAM_ID_PATTERN.strip("^$")
_NUMBER = r"[1-9][0-9]{0,18}"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SIGNED = re.compile(r"(?:(.*)&)?exp=([0-9]{1,12})&by=([^&=]{1,400})&sig=([A-Za-z0-9_-]{43})(?:&t=[0-9]{1,20})?")
_HAS_SIGNATURE = re.compile(rb"(?:^|&)sig=")
_LONGEST = 2048


class LinkRefused(AccessError):
    """No link can be signed for that; the message says for what one can."""

    problem: ClassVar[tuple[str, int, str] | None] = ("invalid-request", 422, "The request is invalid")


@dataclass(frozen=True, slots=True)
class LinkKind:
    """Addresses that may be signed: their paths, the actions they need, the query parameters they may have."""

    path: re.Pattern[str]
    actions: tuple[Action, ...]
    parameters: frozenset[str] = frozenset()
    websocket: bool = False


KINDS = (
    LinkKind(re.compile(rf"/v1/streams/({_STREAM})/snapshot\.jpg"), ("pictures",), frozenset({"overlay", "width"})),
    LinkKind(re.compile(rf"/v1/streams/({_STREAM})/mjpeg"), ("pictures",), frozenset({"overlay", "fps"})),
    LinkKind(re.compile(rf"/v1/streams/({_STREAM})/video"), ("pictures",), websocket=True),
    LinkKind(re.compile(rf"/v1/streams/({_STREAM})/detections"), ("results",), websocket=True),
    LinkKind(re.compile(rf"/v1/snapshots/{_NUMBER}"), ("pictures",), frozenset({"overlay"})),
    LinkKind(re.compile(rf"/v1/clips/{_NUMBER}"), ("pictures",)),
    # these redirect to those
    LinkKind(re.compile(rf"/v1/alerts/{_UUID}/picture"), ("pictures", "events"), frozenset({"overlay"})),
    LinkKind(re.compile(rf"/v1/alerts/{_UUID}/clip"), ("pictures", "events")),
)


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """What a link is for. `stream_id` None: the path does not name the stream."""

    path: str
    query: str
    kind: LinkKind
    stream_id: str | None

    @property
    def signed(self) -> str:
        """Path and query as they are signed."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who made a link, and with which credential; a link ends with either. Neither is secret."""

    principal_id: str
    credential: str


@dataclass(frozen=True, slots=True)
class PresentedLink:
    """A link whose signature is right. `expires_s` as time.time(); it may be over."""

    target: LinkTarget
    expires_s: int
    issuer: Issuer


def link_target(address: str) -> LinkTarget:
    """What can be signed. `address`: path and query, as in the address bar. Raises LinkRefused."""
    path, _, query = address.partition("?")
    found = _target(path, query)
    if found is None or len(address) > _LONGEST:
        raise LinkRefused(
            "path: links can be signed for /v1/streams/{id}/snapshot.jpg (overlay, width), …/mjpeg (overlay, fps), "
            "…/video, …/detections, /v1/snapshots/{n} (overlay), /v1/clips/{n}, and the picture "
            "(overlay) and clip of an alert"
        )
    return found


class LinkSigner:
    """Signs with `secret`, and takes what was signed with it or with one of `accepted`. Any thread."""

    def __init__(self, secret: bytes, *accepted: bytes) -> None:
        self._secrets = [hashlib.sha256(b"livesight links\n" + one).digest() for one in (secret, *accepted)]

    def sign(self, target: LinkTarget, expires_s: int, issuer: Issuer) -> str:
        """The link: an address relative to the server."""
        by = _written(issuer)
        query = f"{target.query}&" if target.query else ""
        return f"{target.path}?{query}exp={expires_s}&by={by}&sig={_signature(self._secrets[0], target, expires_s, by)}"

    def check(self, path: str, query: str) -> PresentedLink | None:
        """What the link of a request says; None when it is none of ours, or was changed."""
        found = _SIGNED.fullmatch(query) if len(query) <= _LONGEST * 2 else None
        if found is None:
            return None
        target = _target(path, found[1] or "")
        issuer = _read(found[3])
        if target is None or issuer is None:
            return None
        expected = [_signature(secret, target, int(found[2]), found[3]) for secret in self._secrets]
        if not any(hmac.compare_digest(one, found[4]) for one in expected):
            return None
        return PresentedLink(target, int(found[2]), issuer)


def _signature(secret: bytes, target: LinkTarget, expires_s: int, by: str) -> str:
    text = "\n".join((_VERSION, "GET", target.signed, str(expires_s), by))
    digest = hmac.digest(secret, text.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_signed(query: bytes) -> bool:
    """Whether the query of a request claims to be a link's."""
    return _HAS_SIGNATURE.search(query) is not None


def _target(path: str, query: str) -> LinkTarget | None:
    if not query.isascii() or re.search(r"[\s\x00-\x1f#]", query):
        return None
    names = [part.partition("=")[0] for part in query.split("&")] if query else []
    for kind in KINDS:
        if found := kind.path.fullmatch(path):
            if len(set(names)) < len(names) or not kind.parameters.issuperset(names):
                return None
            return LinkTarget(path, query, kind, found[1] if found.re.groups else None)
    return None


def _written(issuer: Issuer) -> str:
    return quote(f"{issuer.principal_id}~{issuer.credential}", safe=":~")


def _read(by: str) -> Issuer | None:
    principal_id, found, credential = unquote(by).rpartition("~")
    return Issuer(principal_id, credential) if found and principal_id else None
