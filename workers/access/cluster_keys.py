"""The keys that processes of a cluster share: derived from `cluster.secret`, one for each purpose. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

LEAST_BYTES = 32
HOW_TO_MAKE = "make one with `openssl rand -base64 48`"


class ClusterKeys:
    """`secrets`: the first signs; what any of them signed is accepted, so that a secret can be exchanged.

    A key of one purpose says nothing about that of another: a signature of a record is no assertion.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        """Raises ValueError without one, or for one that is too short."""
        if not secrets:
            raise ValueError("at least one secret is needed")
        for secret in secrets:
            check_secret(secret)
        self._secrets = tuple(secret.encode() for secret in secrets)

    def signing(self, purpose: str) -> bytes:
        """The key to sign with: 32 bytes."""
        return _derived(self._secrets[0], purpose)

    def accepted(self, purpose: str) -> tuple[bytes, ...]:
        """The keys whose signatures count."""
        return tuple(_derived(secret, purpose) for secret in self._secrets)


def check_secret(secret: str) -> str:
    """The secret. Raises ValueError for one that could be guessed; the message does not repeat it."""
    length = len(secret.encode())
    if length < LEAST_BYTES:
        raise ValueError(f"has {length} bytes and needs {LEAST_BYTES}; {HOW_TO_MAKE}")
    if len(set(secret)) < 8:
        raise ValueError(f"has only {len(set(secret))} different characters; {HOW_TO_MAKE}")
    return secret


def _derived(secret: bytes, purpose: str) -> bytes:
    """As HKDF-Expand (RFC 5869, 2.3) with one block, the secret being the pseudo-random key."""
    return hmac.digest(secret, f"livesight {purpose}".encode() + b"\x01", hashlib.sha256)
