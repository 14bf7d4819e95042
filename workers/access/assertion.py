"""What one process says to another about a request: who makes it, and that it was forwarded. Any thread.

A JSON Web Token (RFC 7519, HS256) under a key derived from `cluster.secret`, in the header `X-Livesight-Assertion`. It
names the principal with its grants, the process that wrote it, the one that it is for, and the request: method, path
and query. It is worth LIFE_S; clocks may differ by SKEW_S; so none is accepted for more than 30 s. Each counts once.
The request's body is not covered: whoever can change it on its way can read it too, which needs TLS to prevent.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workers.access.cluster_keys import ClusterKeys
from workers.access.principal import EVERY_STREAM, Grant, Kind, Principal, StreamScope
from workers.access.roles import Action, Role
from workers.errors import Unauthenticated

HEADER: Final = "x-livesight-assertion"
VERSION: Final = 1
LIFE_S: Final = 15
SKEW_S: Final = 15
PURPOSE: Final = "assertion/1"

_ALGORITHM = "HS256"
_MOST_REMEMBERED = 200_000


class _Claims(BaseModel):
    """What the token holds. Times in seconds since 1970; `request`: see `digest`."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")

    v: Literal[1]
    iss: str = Field(min_length=1, max_length=200)
    aud: str = Field(min_length=1, max_length=200)
    iat: int = Field(ge=0)
    exp: int = Field(ge=0)
    jti: str = Field(min_length=16, max_length=64)
    request: str = Field(max_length=100)
    sub: str = Field(min_length=1, max_length=300)
    kind: Kind
    grants: list[tuple[Role, list[str], list[Action] | None]]
    credential: str = ""
    until: float | None = Field(default=None, allow_inf_nan=False)
    name: str = ""

    def principal(self) -> Principal:
        """Who makes the request."""
        grants = tuple(
            Grant(role, tuple(streams), None if actions is None else frozenset(actions))
            for role, streams, actions in self.grants
        )
        return Principal(self.sub, self.kind, grants, self.credential, self.until, self.name)


@dataclass(frozen=True, slots=True)
class Asserted:
    """Who makes a request, and the name of the process that says so."""

    principal: Principal
    process: str


class Assertions:
    """Writes assertions for other processes, and reads theirs. `own`: this process's name."""

    def __init__(self, keys: ClusterKeys, own: str, clock: Callable[[], float] = time.time) -> None:
        self.own = own
        self._clock = clock
        self._signing = OctKey.import_key(keys.signing(PURPOSE))
        self._accepted = tuple(OctKey.import_key(key) for key in keys.accepted(PURPOSE))
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}  # in the order in which they came

    def headers(self, principal: Principal, to: str, method: str, resource: str) -> dict[str, str]:
        """What a request to the process `to` carries. `resource`: path and query, as they are sent."""
        now_s = int(self._clock())
        claims = _Claims(
            v=VERSION,
            iss=self.own,
            aud=to,
            iat=now_s,
            exp=now_s + LIFE_S,
            jti=secrets.token_urlsafe(16),
            request=digest(method, resource),
            sub=principal.id,
            kind=principal.kind,
            grants=[
                (one.role, list(one.streams), None if one.actions is None else sorted(one.actions))
                for one in principal.grants
            ],
            credential=principal.credential,
            until=principal.expires_at_s,
            name=principal.display_name,
        )
        return {
            HEADER: jwt.encode(
                {"alg": _ALGORITHM}, claims.model_dump(mode="json", exclude_defaults=True), self._signing
            )
        }

    def read(self, token: str, method: str, resource: str) -> Asserted:
        """What a request's assertion says. Raises Unauthenticated for one that does not hold, and says why."""
        claims = self._verified(token)
        now_s = self._clock()
        if claims.exp > claims.iat + LIFE_S or claims.iat > now_s + SKEW_S:
            raise _refused(f"{claims.iss} wrote it in the future; compare the clocks")
        if claims.exp + SKEW_S <= now_s:
            raise _refused(f"{claims.iss} wrote it {now_s - claims.iat:.0f} s ago; compare the clocks")
        if claims.aud != self.own:
            raise _refused(f"it is for {claims.aud}, and this is {self.own}")
        if claims.request != digest(method, resource):
            raise _refused("it is for another request")
        if claims.until is not None and claims.until <= now_s:
            raise _refused("the credential that it stands for has expired")
        self._count_once(claims, now_s)
        return Asserted(claims.principal(), claims.iss)

    def _verified(self, token: str) -> _Claims:
        for key in self._accepted:
            try:
                found = jwt.decode(token, key, algorithms=[_ALGORITHM])
                return _Claims.model_validate(found.claims)
            except ValidationError as error:
                raise _refused("it is of another version") from error
            except (JoseError, ValueError):
                continue
        raise _refused("it is not signed with cluster.secret")

    def _count_once(self, claims: _Claims, now_s: float) -> None:
        with self._lock:
            for jti, until_s in list(self._oldest()):
                if until_s > now_s and len(self._seen) < _MOST_REMEMBERED:
                    break
                del self._seen[jti]
            if claims.jti in self._seen:
                raise _refused("it was used before")
            self._seen[claims.jti] = claims.exp + SKEW_S

    def _oldest(self) -> list[tuple[str, float]]:
        """A few: with each that comes some go, so none takes long."""
        return [item for item, _ in zip(self._seen.items(), range(4), strict=False)]


def digest(method: str, resource: str) -> str:
    """Identifies a request: hex of SHA-256 over method, path and query."""
    return hashlib.sha256(f"{method} {resource}".encode()).hexdigest()


def narrowed(principal: Principal, stream_id: str) -> Principal:
    """The principal as far as one stream is concerned: of its grants only the patterns that match the stream.

    Headers have limits, and who has grants on a thousand streams needs one of them here.
    """
    grants = []
    for grant in principal.grants:
        streams = tuple(one for one in grant.streams if one in EVERY_STREAM or stream_id in StreamScope((one,)))
        if streams:
            grants.append(Grant(grant.role, streams, grant.actions))
    return Principal(
        principal.id,
        principal.kind,
        tuple(grants),
        principal.credential,
        principal.expires_at_s,
        principal.display_name,
    )


def process_principal(name: str, *grants: Grant) -> Principal:
    """The identity of a process that asks for itself, not for somebody."""
    return Principal(f"process:{name}", "process", grants)


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(f"the assertion of the process that forwarded this is refused: {why}")
