"""Who uses a signed link: its issuer, as far as the link goes. Runs on the event loop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from starlette.requests import HTTPConnection
from starlette.types import Scope

from api.auth.machines.key_reader import usable_keys
from api.auth.machines.signed_links import Issuer, LinkKind, LinkSigner, LinkTarget, is_signed, link_target
from api.auth.machines.stored_keys import KEY_CREDENTIAL, KeySource
from workers.access.principal import Grant, Principal
from workers.errors import Unauthenticated

LINK_CREDENTIAL = "link:"

LINK = "livesight.link"
"""Where the scope of a request by a link has its PresentedLink."""

ALERTS = Issuer("system:alerts", "")
"""The issuer of links in messages about alerts: the service itself. They end when the secret is changed."""


class Issuers(Protocol):
    """Knows the people or programs that make links."""

    async def current(self, issuer: Issuer) -> Principal | None:
        """The issuer with the grants it has now; None when it is unknown here, disabled or revoked."""
        ...

    async def all_current(self, issuers: Sequence[Issuer]) -> dict[Issuer, Principal]:
        """As `current` of many, asked in one question and not remembered."""
        ...


class KeyIssuers:
    """Programs: a link ends with the key that made it."""

    def __init__(self, sources: Sequence[KeySource]) -> None:
        self._sources = sources

    async def current(self, issuer: Issuer) -> Principal | None:
        """See Issuers. Raises as KeySource.by_id."""
        if not issuer.credential.startswith(KEY_CREDENTIAL):
            return None
        for source in self._sources:
            key = await source.by_id(issuer.credential.removeprefix(KEY_CREDENTIAL))
            if key is not None and key.usable(time.time()):
                principal = key.principal()
                return principal if principal.id == issuer.principal_id else None
        return None

    async def all_current(self, issuers: Sequence[Issuer]) -> dict[Issuer, Principal]:
        """See Issuers. Raises as KeySource.by_ids."""
        ids = {
            one: one.credential.removeprefix(KEY_CREDENTIAL)
            for one in issuers
            if one.credential.startswith(KEY_CREDENTIAL)
        }
        keys = await usable_keys(self._sources, ids.values())
        found = {one: keys[key_id].principal() for one, key_id in ids.items() if key_id in keys}
        return {one: principal for one, principal in found.items() if principal.id == one.principal_id}


class AlertIssuer:
    """The service itself, for messages about alerts."""

    async def current(self, issuer: Issuer) -> Principal | None:
        """See Issuers."""
        return Principal(issuer.principal_id, "service", (Grant("viewer"),)) if issuer == ALERTS else None

    async def all_current(self, issuers: Sequence[Issuer]) -> dict[Issuer, Principal]:
        """See Issuers."""
        found = {one: await self.current(one) for one in issuers}
        return {one: principal for one, principal in found.items() if principal is not None}


class LinkReader:
    """A CredentialReader of signed links, and a Revalidator. Puts the link into the scope, for redirects."""

    def __init__(self, signer: LinkSigner, issuers: Sequence[Issuers]) -> None:
        self._signer = signer
        self._issuers = issuers

    async def read(self, connection: HTTPConnection) -> Principal | None:
        """See CredentialReader. Raises Unauthenticated, which says nothing about the issuer."""
        query: bytes = connection.scope.get("query_string", b"")
        if not is_signed(query):
            return None
        link = self._signer.check(connection.scope["path"], query.decode("latin-1"))
        if link is None or not _fits(connection.scope, link.target.kind):
            raise Unauthenticated("this link is not valid here: it is for another address, or it was changed")
        if time.time() >= link.expires_s:
            raise Unauthenticated("this link has expired; ask for a new one")
        issuer = await self._issuer(link.issuer)
        principal = None if issuer is None else link_principal(issuer, link.target, link.expires_s)
        if principal is None:
            raise Unauthenticated("this link is not valid any more: whoever made it may not see this now")
        connection.scope[LINK] = link
        return principal

    def handles(self, principal: Principal) -> bool:
        """Whether `revalidate` knows its credential."""
        return principal.credential.startswith(LINK_CREDENTIAL)

    async def revalidate(self, principals: Sequence[Principal]) -> Sequence[Principal | None]:
        """What the links may do now, until they expire; None: nothing. Raises as KeySource.by_ids."""
        links = [_link_of(principal) for principal in principals]
        left = list(dict.fromkeys(issuer for issuer, _, _ in links))
        found: dict[Issuer, Principal] = {}
        for issuers in self._issuers:
            found |= await issuers.all_current(left) if left else {}
            left = [one for one in left if one not in found]
        return [
            link_principal(found[issuer], target, ends_s) if issuer in found else None
            for issuer, target, ends_s in links
        ]

    async def _issuer(self, issuer: Issuer) -> Principal | None:
        for issuers in self._issuers:
            if (found := await issuers.current(issuer)) is not None:
                return found
        return None


def issuer_of(principal: Principal) -> Issuer:
    """As it stands in a link. A person's links outlive the session; a program's end with the key."""
    return Issuer(principal.id, principal.credential if principal.kind == "service" else "")


def link_principal(issuer: Principal, target: LinkTarget, expires_s: float) -> Principal | None:
    """What a link may do now; None: nothing. It ends with its issuer's key, if that ends earlier."""
    grants = []
    for action in target.kind.actions:
        streams = issuer.scope(action).patterns
        if target.stream_id is not None:
            streams = (target.stream_id,) if issuer.may(action, target.stream_id) else ()
        if streams:
            grants.append(Grant("viewer", streams, frozenset({action})))
    if len(grants) < len(target.kind.actions):
        return None
    ends_s = float(expires_s)
    if issuer.kind == "service" and issuer.expires_at_s is not None:
        ends_s = min(ends_s, issuer.expires_at_s)
    credential = f"{LINK_CREDENTIAL}{issuer_of(issuer).credential}~{target.signed}"
    return Principal(issuer.id, "link", tuple(grants), credential, ends_s, f"link of {issuer.display_name}")


def _link_of(principal: Principal) -> tuple[Issuer, LinkTarget, float]:
    """Of a `link_principal`: who made the link, what it is for, and when it ends."""
    credential, _, signed = principal.credential.removeprefix(LINK_CREDENTIAL).partition("~")
    return Issuer(principal.id, credential), link_target(signed), principal.expires_at_s or 0.0


def _fits(scope: Scope, kind: LinkKind) -> bool:
    """Sockets begin with a GET as well."""
    if kind.websocket:
        return bool(scope["type"] == "websocket")
    return bool(scope["type"] == "http" and scope["method"] == "GET")
