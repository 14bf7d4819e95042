"""Credentials never reach a log, a metric, a message or a page. Pure."""

from __future__ import annotations

import re

_USERINFO = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^/@\s]*@")
_SECRET_QUERY = re.compile(r"(?P<key>[?&](?:user(?:name)?|pass(?:word|wd)?|pwd|token|key|secret|auth)=)[^&#\s]*", re.I)


def redact(text: str) -> str:
    """Replace the user part of every URL in `text`, and the values of query keys that carry secrets, by `***`."""
    return _SECRET_QUERY.sub(r"\g<key>***", _USERINFO.sub(r"\g<scheme>***@", text))
