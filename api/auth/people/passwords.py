"""Passwords: which may be used, and how they are stored. Pure; `make_hash` and `matches` take some 50 ms of CPU.

Hashed with argon2id, parameters of the OWASP Password Storage Cheat Sheet (m = 46 MiB, t = 1, p = 1): of its equal
choices the one that takes the least time, on one thread, since cameras need the CPU. Hashes made with other parameters
are made anew at the next sign-in. The rules are those of NIST SP 800-63B: length, no composition, no
expiry, none that is in lists of common ones (zxcvbn).
"""

from __future__ import annotations

import unicodedata
from math import prod

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from api.auth.people.errors import PasswordRefused

MAX_BYTES = 1024
_HASHER = PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1)
_FEWEST_GUESSES = 1e8
_ESTIMATED_CHARACTERS = 72
_MOST_READINGS = 8
_PRIVATE_USE = 0xE000  # characters that stand for nothing
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
    if _guesses(text, name) < _FEWEST_GUESSES:
        raise PasswordRefused(
            "password: too easily guessed (the account's name, a common password, repeated or neighbouring characters)"
        )


def _guesses(text: str, name: str) -> float:
    """In how many tries it is guessed, as zxcvbn estimates; it looks at the beginning of a long one."""
    from zxcvbn import zxcvbn  # 0.2 s, and needed when a password is made only

    return float(zxcvbn(_with_few_readings(text[:_ESTIMATED_CHARACTERS]), [name, "livesight", "passwort"])["guesses"])


def _with_few_readings(text: str) -> str:
    """With no more symbols that stand for letters than can be read in _MOST_READINGS ways; others stand for nothing.

    zxcvbn looks all words up in each reading: `4@({[<69!|1` and so on of 72 characters took it 14 s on a busy machine;
    with few readings no input was found that takes more than 0.1 s of CPU.
    """
    from zxcvbn.matching import L33T_TABLE

    count = dict.fromkeys(L33T_TABLE, 0)  # of each letter, the symbols that stand for it
    for symbol in dict.fromkeys(text):
        more = {letter: count[letter] + (symbol in symbols) for letter, symbols in L33T_TABLE.items()}
        if prod(max(1, symbols) for symbols in more.values()) <= _MOST_READINGS:
            count = more
        else:
            text = text.replace(symbol, chr(_PRIVATE_USE + ord(symbol)))
    return text


def _normal(password: str) -> str:
    """The same text typed on another keyboard is the same password (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
