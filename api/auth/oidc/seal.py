"""What only this service can read: a browser's sign-in on its way, tokens at rest. Pure; AES and HMAC (Fernet).

The key comes from the secret of links (auth.link_secret), which all api processes share; with another one sign-ins on
their way begin anew, and sessions of a provider end at their next check.
"""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Seal:
    """Seals objects of JSON; `purpose` keeps what was sealed for one thing from being taken for another."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=f"livesight {purpose}".encode()).derive(secret)
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, value: dict[str, Any]) -> str:
        """As ASCII that fits into a cookie's value."""
        return self._fernet.encrypt(json.dumps(value).encode()).decode()

    def open(self, sealed: str, most_s: int | None = None) -> dict[str, Any] | None:
        """What was sealed; None for what this service did not seal, or sealed more than `most_s` ago."""
        try:
            text = self._fernet.decrypt(sealed.encode(), ttl=most_s)
        except (InvalidToken, UnicodeEncodeError):
            return None
        value = json.loads(text)
        return value if isinstance(value, dict) else None


class OnceOnly:
    """Remembers for a while what was used, so that it counts once a process."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._used: dict[str, float] = {}  # when it may be forgotten; about in that order

    def use(self, name: str, for_s: float) -> bool:
        """Whether it is the first time."""
        now_s = time.monotonic()
        if self._used.get(name, 0.0) > now_s:
            return False
        self._used.pop(name, None)
        self._used[name] = now_s + for_s
        while len(self._used) > self._most or next(iter(self._used.values())) <= now_s:
            del self._used[next(iter(self._used))]
        return True

    def forget(self, name: str) -> None:
        """What it was used for did not happen: it counts again."""
        self._used.pop(name, None)
