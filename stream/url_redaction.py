"""What everybody may see of URLs, in logs, metrics, messages and pages: an allow-list. Pure.

Of each URL in a text scheme, host, port and the path's start are left. Anything else may be a secret: cameras take
passwords in the query and in the path, under names that no list knows.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from stream.errors import CameraAddressError
from stream.network.camera_address import SCHEMES, parse_address

_BEGIN = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]{0,40})://(?=\S)")  # longer ones: their end, without a search
_REST = re.compile(r"\S*")
_TRAILING = "'\"`),;:.>]}"
_LOCAL = frozenset({"file", "sqlite", "unix"})
_MOST_ATS = 16  # the user may end at each of them; no address that means one thing has more
_BETWEEN = "'\"`(),;|<>[]{}"
"""What stands between the addresses of a list without spaces."""
_API_KEY = re.compile(r"\bls_(?P<id>[0-9a-z]{12})_[0-9A-Za-z]+")
_KEY = re.compile(r"[?&;][^=&#\s]*=?")
_SECRET = re.compile(r"user|usr|pass|pwd|pw|token|key|secret|auth|sig|cred|session", re.I)
_VALUE = re.compile(r"[^&#\s'\"]*")


def redact(text: str) -> str:
    """The text with every URL in it cut down to what everybody may see, and without keys of ours. Local files stay.

    Anybody can have a text shown, so it takes time in proportion to its length: nothing is searched twice.
    """
    return _without_values(_with_urls_shown(_API_KEY.sub(r"ls_\g<id>_***", text)))


def _with_urls_shown(text: str) -> str:
    parts, position, end = [], 0, 0
    found = _BEGIN.search(text)
    while found is not None:
        if found.end() > end:
            end = _end_of_word(text, found.end())
        following = _BEGIN.search(text, found.end(), end)
        until = following.start() if following is not None else end
        parts.append(text[position : found.start()])
        if _is_local(found["scheme"], text[found.end() : until]):
            parts.append(text[found.start() : until])
            position = until
        else:
            parts.append(_shown(found["scheme"], text[found.end() : end]))
            position, following = end, None
        found = following or _BEGIN.search(text, position)
    return "".join([*parts, text[position:]])


def _end_of_word(text: str, position: int) -> int:
    found = _REST.match(text, position)
    assert found is not None  # it may be empty
    return found.end()


def _is_local(scheme: str, path: str) -> bool:
    """Whether it is a local file, and names no host and no user, as `file://user:password@nas/a` does.

    path: up to the next address, where that follows without a space.
    """
    return scheme.lower().partition("+")[0] in _LOCAL and (path.startswith("/") or not path.strip(_BETWEEN))


def _shown(scheme: str, rest: str) -> str:
    """The address of anything else; rest: what follows `://`, as far as there is no space."""
    address = rest.rstrip(_TRAILING)
    end = rest[len(address) :]
    if not address:
        return f"{scheme}://{rest}"  # the name of a scheme
    if address.count("@") > _MOST_ATS:
        return f"{scheme}://…{end}"
    as_camera = f"{scheme if scheme.lower() in SCHEMES else 'http'}://{address}"
    try:
        found = parse_address(as_camera.partition("#")[0] if _has_plain_fragment(as_camera) else as_camera)
    except CameraAddressError:
        return f"{scheme}://…{end}"
    return scheme + found.shown[len(found.scheme) :] + end


def _without_values(text: str) -> str:
    """Without the values of secret keys in paths of our own, which have no scheme."""
    parts, position, shown = [], 0, 0
    while (found := _KEY.search(text, position)) is not None:
        position = found.end()
        if found[0].endswith("=") and _SECRET.search(found[0]):
            value = _VALUE.match(text, position)
            assert value is not None  # it may be empty
            parts += [text[shown:position], "***"]
            position = shown = value.end()
    return "".join([*parts, text[shown:]])


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
