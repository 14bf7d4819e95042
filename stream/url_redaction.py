"""Removes credentials from URLs before they reach a log, a metric, a message or a page. Pure."""

from __future__ import annotations

import re

_SCHEME = r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)"
_USERINFO = re.compile(_SCHEME + r"[^/?#\s]*@")
# A password with a raw slash in it looks like host:port/path with an @ further on: better to hide too much.
_BROKEN_USERINFO = re.compile(_SCHEME + r"[^/?#\s:@]+:[^\s'\"]*@")
_SECRET_QUERY = re.compile(
    r"(?P<key>[?&;][^=&#\s]*(?:user|usr|pass|pwd|pw|token|key|secret|auth|sig|cred|session)[^=&#\s]*=)[^&#\s'\"]*", re.I
)
_API_KEY = re.compile(r"\bls_(?P<id>[0-9a-z]{12})_[0-9A-Za-z]+")


def redact(text: str) -> str:
    """Replace the user part of URLs in `text`, values of query keys that carry secrets, and keys of ours by `***`."""
    text = _API_KEY.sub(r"ls_\g<id>_***", text)
    text = _USERINFO.sub(r"\g<scheme>***@", text)
    text = _BROKEN_USERINFO.sub(r"\g<scheme>***@", text)
    return _SECRET_QUERY.sub(r"\g<key>***", text)
