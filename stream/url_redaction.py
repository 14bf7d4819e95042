"""What everybody may see of URLs, in logs, metrics, messages and pages: an allow-list. Pure.

Of each URL in a text scheme, host, port and the path's start are left. Anything else may be a secret: cameras take
passwords in the query and in the path, under names that no list knows.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from stream.errors import CameraAddressError
from stream.network.camera_address import parse_address

_URL = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*)://\S+")
_TRAILING = re.compile(r"['\"`),;:.>\]}]+\Z")
_LOCAL = frozenset({"file", "sqlite", "unix"})
_BETWEEN = "'\"`(),;|<>[]{}"
"""What stands between the addresses of a list without spaces."""
_API_KEY = re.compile(r"\bls_(?P<id>[0-9a-z]{12})_[0-9A-Za-z]+")
_PATH_QUERY = re.compile(
    r"(?P<key>[?&;][^=&#\s]*(?:user|usr|pass|pwd|pw|token|key|secret|auth|sig|cred|session)[^=&#\s]*=)[^&#\s'\"]*", re.I
)
"""In paths of our own, which have no scheme."""


def redact(text: str) -> str:
    """The text with every URL in it cut down to what everybody may see, and without keys of ours. Local files stay."""
    text = _API_KEY.sub(r"ls_\g<id>_***", text)
    return _PATH_QUERY.sub(r"\g<key>***", _URL.sub(_shown, text))


def _shown(found: re.Match[str]) -> str:
    scheme, text = found["scheme"].lower(), found[0]
    if scheme.partition("+")[0] in _LOCAL and (local := _local(text)) is not None:
        return local
    trailing = _TRAILING.search(text)
    end = trailing[0] if trailing else ""
    text = text[: len(text) - len(end)]
    if len(text) == len(scheme) + len("://"):
        return found[0]  # the name of a scheme
    as_camera = text if scheme in ("rtsp", "rtsps", "http", "https") else f"http{text[len(scheme) :]}"
    try:
        address = parse_address(as_camera.partition("#")[0] if _has_plain_fragment(as_camera) else as_camera)
    except CameraAddressError:
        return f"{found['scheme']}://…{end}"
    return found["scheme"] + address.shown[len(address.scheme) :] + end


def _local(text: str) -> str | None:
    """The address of a local file whole, and what follows without a space cut down; None where it names a host or a
    user, as `file://user:password@nas/a` does.
    """
    begin = text.index("://") + len("://")
    following = _URL.search(text, begin)
    path = text[begin : following.start() if following else len(text)]
    if not path.startswith("/") and path.strip(_BETWEEN):
        return None
    return text[: begin + len(path)] + _URL.sub(_shown, text[begin + len(path) :])


def _has_plain_fragment(url: str) -> bool:
    """Whether a # begins a fragment, as in links to pages, and not the rest of a password."""
    try:
        return "@" not in urlsplit(url).fragment and "#" in url
    except ValueError:
        return False


def without_credentials(url: str) -> str:
    """The whole URL without user and password, for links; its scheme only where it cannot be read."""
    try:
        parts = urlsplit(url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    except ValueError:
        return redact(url)
