"""Tokens of the provider: whether they are what they should be, and what they say of groups and names. Pure.

Checked as OpenID Connect Core 3.1.3.7 and Back-Channel Logout 2.6 have it, by Authlib and joserfc. Signatures are
asymmetric only: `none` is none, and with HMAC the provider's public key would be everybody's secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from authlib.oidc.core.claims import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key
from joserfc.jws import extract_compact

from api.auth.oidc.errors import TokenRefused
from workers.access.principal import Grant

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
CLOCKS_DIFFER_S = 30
_KINDS = frozenset({"RSA", "EC", "OKP"})
_MOST_CHARACTERS = 64_000


@dataclass(frozen=True, slots=True)
class Expected:
    """Who must have made a token, and for whom."""

    issuer: str
    client_id: str


def public_keys(document: object) -> list[Key]:
    """The keys of a JWKS that signatures are checked with; others, of kinds that are not known, are left out."""
    entries = document.get("keys") if isinstance(document, Mapping) else None
    keys: list[Key] = []
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or entry.get("kty") not in _KINDS:
            continue
        try:
            keys.append(import_key(entry))
        except (JoseError, ValueError, KeyError, TypeError):
            continue
    return keys


def key_id(token: str) -> str | None:
    """Which key a token says that it was signed with. Raises TokenRefused for what is no token."""
    if len(token) > _MOST_CHARACTERS:
        raise TokenRefused("the token is too long")
    try:
        found = extract_compact(token.encode()).headers().get("kid")
    except (JoseError, ValueError) as error:
        raise TokenRefused("this is no signed token") from error
    return found if isinstance(found, str) else None


def id_token_claims(
    token: str, keys: Sequence[Key], expected: Expected, *, nonce: str | None, access_token: str | None
) -> dict[str, Any]:
    """Of an ID token that is worth something. `nonce` None: it came with a refresh. Raises TokenRefused."""
    decoded = _decoded(token, keys)
    params = {"client_id": expected.client_id, "nonce": nonce, "access_token": access_token}
    claims = CodeIDToken(decoded.claims, decoded.header, _options(expected), params)
    try:
        claims.validate(leeway=CLOCKS_DIFFER_S)
    except (JoseError, ValueError, TypeError) as error:
        raise TokenRefused(f"the ID token: {error}") from error
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
        raise TokenRefused("the ID token: sub is no text of up to 255 characters")
    return dict(claims)


def logout_token_claims(token: str, keys: Sequence[Key], expected: Expected) -> dict[str, Any]:
    """Of a logout token that is worth something. Raises TokenRefused."""
    decoded = _decoded(token, keys)
    options = _options(expected) | {name: {"essential": True} for name in ("iat", "exp", "jti")}
    try:
        jwt.JWTClaimsRegistry(leeway=CLOCKS_DIFFER_S, **options).validate(decoded.claims)
    except (JoseError, ValueError, TypeError) as error:
        raise TokenRefused(f"the logout token: {error}") from error
    claims = decoded.claims
    events = claims.get("events")
    if not isinstance(events, Mapping) or not isinstance(events.get(LOGOUT_EVENT), Mapping):
        raise TokenRefused("the logout token: it tells of no log-out")
    if "nonce" in claims:
        raise TokenRefused("the logout token: it has a nonce, which ID tokens have")
    named = [claims.get(name) for name in ("sub", "sid")]
    if not any(named) or not all(one is None or isinstance(one, str) for one in [*named, claims["jti"]]):
        raise TokenRefused("the logout token: it has neither sub nor sid")
    return dict(claims)


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """What is at a dotted path; the whole path as one name goes first, for such as `https://example.org/groups`."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def groups_at(claims: Mapping[str, Any], path: str) -> list[str] | None:
    """The groups there; None where that claim is missing."""
    found = claim_at(claims, path)
    if isinstance(found, str):
        return [found]
    if found is None:
        return None
    return [group for group in found if isinstance(group, str)] if isinstance(found, list) else []


def grants_of(groups: Iterable[str], granted: Mapping[str, Sequence[Any]]) -> tuple[Grant, ...]:
    """What the groups may do, in the settings' order; empty where none of them is named there."""
    mine = set(groups)
    bodies = [body for group, grants in granted.items() if group in mine for body in grants]
    return tuple(dict.fromkeys(body.grant() for body in bodies))


def _options(expected: Expected) -> dict[str, Any]:
    return {
        "iss": {"essential": True, "value": expected.issuer},
        "aud": {"essential": True, "value": expected.client_id},
    }


def _decoded(token: str, keys: Sequence[Key]) -> jwt.Token:
    wanted = key_id(token)
    candidates = [key for key in keys if wanted is None or key.kid == wanted]
    failure: Exception | None = None
    for key in candidates:
        try:
            return jwt.decode(token, key, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError, TypeError) as error:
            failure = error
    raise TokenRefused(f"the token's signature: {failure or 'its key is not the provider’s'}") from failure
