"""What a target answers, made fit to be shown: one line, bounded, without our secrets, which some repeat. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from stream.url_redaction import redact

CHARACTERS = 300
_LEAST_SECRET = 5
_SCHEMES = ("basic", "bearer", "digest", "token")
_PARTS = re.compile(r"[/:@?&=#;,\s]+")
_CREDENTIAL = re.compile(
    r"\b(?P<what>bearer|basic|[\w-]*(?:password|passwd|pwd|token|secret|api[_-]?key|signature)[\w-]*)"
    r"(?P<between>[\"']?\s*[:=]\s*[\"']?|\s+)(?P<value>[^\s\"',;}&]{5,})",
    re.I,
)
"""`Bearer xyz`, `password=xyz`, `"api_key": "xyz"`, whoever's they are."""


def secrets_of_url(url: str) -> list[str]:
    """What is secret in a webhook's URL: user, path and query; its host is not."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    return [user, parts.path, parts.query, parts.fragment]


def fit_to_show(text: str, secrets: Iterable[str]) -> str:
    """One line of at most `CHARACTERS`, in which no part of a secret stands, nor what looks like a credential.

    secrets: ours, also as they are percent-encoded. Parts of fewer than five characters are too common to hide.
    """
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    line = _CREDENTIAL.sub(r"\g<what>\g<between>***", redact(line))
    whole = {secret for secret in secrets if secret}
    parts = {part for secret in whole for part in _PARTS.split(secret)} | whole
    parts |= {unquote(part) for part in parts}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _LEAST_SECRET and part.lower() not in _SCHEMES:
            line = line.replace(part, "***")
    return line[:CHARACTERS]
