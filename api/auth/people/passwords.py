"""Passwords: which may be used, and how they are stored. Pure; `make_hash` and `matches` take some 50 ms of CPU.

Hashed with argon2id, parameters of the OWASP Password Storage Cheat Sheet (m = 46 MiB, t = 1, p = 1): of its equal
choices the one that takes the least time, on one thread, since cameras need the CPU. Hashes made with other parameters
are made anew at the next sign-in. The rules are those of NIST SP 800-63B: length, no composition, no expiry.
"""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from api.auth.people.errors import PasswordRefused

MAX_BYTES = 1024
_HASHER = PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1)
_FEWEST_CHARACTERS = 5
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop")
_GUESSED_FIRST = ("password", "passwort", "livesight", "letmein", "welcome", "admin", "iloveyou", "changeme")
_NOBODY = _HASHER.hash("nobody has this password")


def make_hash(password: str) -> str:
    """As it is stored."""
    return _HASHER.hash(_normal(password))


def matches(stored: str | None, password: str) -> bool:
    """Whether it is the password. Takes as long where there is none (`stored` None), which is never right."""
    try:
        _HASHER.verify(stored or _NOBODY, _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def outdated(stored: str) -> bool:
    """Whether it was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


def check_password(password: str, name: str, least: int) -> None:
    """Raises PasswordRefused. `least`: characters; `name`: of the account."""
    text = _normal(password)
    if len(text) < least:
        raise PasswordRefused(f"password: must be at least {least} characters long; a few words do")
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise PasswordRefused(f"password: must be at most {MAX_BYTES} bytes long")
    lower = text.casefold()
    rest = lower
    for word in sorted({*_GUESSED_FIRST, name.casefold()} - {""}, key=len, reverse=True):
        rest = rest.replace(word, "")
    for row in _ROWS:
        rest = _without_runs(rest, row)
    if len(set(lower)) < _FEWEST_CHARACTERS or len(set(rest)) < 3:
        raise PasswordRefused(
            "password: too easily guessed (the account's name, a common password, repeated or neighbouring characters)"
        )


def _normal(password: str) -> str:
    """The same text typed on another keyboard is the same password (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _without_runs(text: str, row: str) -> str:
    """Without the runs of at least four neighbours in a row, in either direction."""
    for line in (row, row[::-1]):
        for length in range(len(line), 3, -1):
            for start in range(len(line) - length + 1):
                text = text.replace(line[start : start + length], "")
    return text
