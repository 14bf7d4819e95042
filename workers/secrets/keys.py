"""Encrypts what is stored and must not be read there: addresses and passwords of cameras. Pure; AES-256-GCM.

An envelope is `enc:1:KEY:TOKEN`: the id of the key, then nonce and ciphertext in base64url. The place that it was made
for is authenticated with it, so that nothing reads it elsewhere: whoever can write where envelopes are stored cannot
have one camera's password sent to another's address.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workers.errors import SecretLocked

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MOST_CHARACTERS = 16_384
ENVELOPE_PATTERN: Final = r"^enc:1:[0-9a-f]{8}:[A-Za-z0-9_-]{38,}={0,2}$"
_ENVELOPE = re.compile(ENVELOPE_PATTERN)
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """The bytes that a key is made of, and where its user finds them: `secrets.key`, say."""

    material: bytes
    name: str


class SecretKeys:
    """The first of `sources` encrypts, all of them decrypt, and so do those of `older`. Without any: plain text.

    A key is known by its id, 8 hexadecimal digits that say nothing about it.
    """

    def __init__(self, sources: Sequence[KeyMaterial] = (), older: Sequence[KeyMaterial] = ()) -> None:
        made = [(_derived(one.material, "id", 4).hex(), one) for one in (*sources, *older)]
        self.names: dict[str, str] = {}
        """Where each key is, by its id, the newest first."""
        for key_id, one in made:
            self.names.setdefault(key_id, one.name)
        self._ciphers = {key_id: _cipher(one.material) for key_id, one in made}
        self.current = made[0][0] if sources else None
        """The id of the key that encrypts; None: nothing is encrypted."""

    def seal(self, value: str, place: str) -> str:
        """The envelope of `value` for one place. Only with a current key."""
        assert self.current is not None
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self.current].encrypt(nonce, value.encode(), _bound(self.current, place))
        return f"enc:1:{self.current}:{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, envelope: str, place: str) -> str:
        """What was sealed for this place. Raises SecretLocked."""
        from cryptography.exceptions import InvalidTag

        key_id = key_of(envelope)
        if key_id is None:
            raise SecretLocked("it is no envelope of Livesight's")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise SecretLocked(f"it is encrypted with key {key_id}, which is not there: add it to {WHERE}")
        try:
            data = base64.urlsafe_b64decode(envelope.rpartition(":")[2])
            return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _bound(key_id, place)).decode()
        except (InvalidTag, ValueError):
            raise SecretLocked("it was changed, or encrypted for another place") from None


WHERE = "secrets.older_keys, to secrets.key_file, or, if it was a secret of the cluster, to cluster.accepted_secret"
NO_KEYS = SecretKeys()
"""Everything is stored in plain text."""


def key_of(envelope: str) -> str | None:
    """The id of the key of an envelope; None for what is none."""
    return envelope.split(":", 3)[2] if _ENVELOPE.match(envelope) else None


def _cipher(material: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # takes a while, which `--help` need not wait for

    return AESGCM(_derived(material, "cipher", 32))


def _derived(material: bytes, purpose: str, length: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length, salt=None, info=f"livesight secrets/1 {purpose}".encode()).derive(material)


def _bound(key_id: str, place: str) -> bytes:
    return f"livesight.secret/1 {key_id} {place}".encode()
