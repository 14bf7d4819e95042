"""What a key looks like: `ls_<id>_<secret><checksum>`. Pure.

`ls_` and the checksum let scanners of secrets find keys in code and logs without false alarms. The secret has 256
random bits, so its SHA-256 protects it as well as the slow hashes that passwords need: nobody can try 2^256 secrets.
And a request is checked within microseconds; the 50 ms of argon2 would be a lever for whoever sends many.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass

PREFIX = "ls_"
HASH_PREFIX = "sha256:"
MIN_FOREIGN_LENGTH = 32
"""Characters of a key that was not made by us, as in API_KEYS: fewer can be guessed from its hash."""

_LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LETTERS = string.digits + string.ascii_lowercase
_ID_LENGTH = 12
_SECRET_LENGTH = 43
_CHECKSUM_LENGTH = 6
_KEY = re.compile(
    rf"ls_([0-9a-z]{{{_ID_LENGTH}}})_([0-9A-Za-z]{{{_SECRET_LENGTH}}})([0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
)
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
MAX_LENGTH = 512
"""Characters of any key; a longer one is refused unread."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made. `text` is shown once and kept nowhere."""

    id: str
    text: str
    hash: str


def new_key() -> NewKey:
    """A key of 256 random bits."""
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
    secret = _base62(secrets.randbits(256), _SECRET_LENGTH)
    text = f"{PREFIX}{key_id}_{secret}{_checksum(key_id + secret)}"
    return NewKey(key_id, text, key_hash(text))


def key_id_of(text: str) -> str | None:
    """The id in a key of ours; None for a key of another form. Says nothing about whether the key is good."""
    found = _KEY.fullmatch(text)
    return found[1] if found and hmac.compare_digest(found[3], _checksum(found[1] + found[2])) else None


def key_hash(text: str) -> str:
    """How a key is stored: `sha256:` and 64 hexadecimal digits."""
    return HASH_PREFIX + hashlib.sha256(text.encode()).hexdigest()


def is_hash(text: str) -> bool:
    """Whether it is a hash as `key_hash` gives it."""
    return _HASH.fullmatch(text) is not None


def same_hash(stored: str, presented: str) -> bool:
    """Whether two hashes are equal; takes as long whatever they hold."""
    return hmac.compare_digest(stored.encode(), presented.encode())


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_LETTERS))
        digits.append(_LETTERS[digit])
    return "".join(reversed(digits))
