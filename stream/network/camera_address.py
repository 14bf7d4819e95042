"""The addresses of cameras: one parser, and the address put together again from its parts. Pure.

What is checked is what is opened: nothing of the text that was typed reaches FFmpeg or a socket, only `url()`, which is
made of a scheme, a host, a port and a path that were each looked at. Errors never repeat any part of an address, as
any part of a broken one may be its password.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import Literal, cast
from urllib.parse import quote, unquote

from stream.errors import CameraAddressError

Scheme = Literal["rtsp", "rtsps", "http", "https"]
SCHEMES: dict[str, int] = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
"""The schemes of cameras in a network, with their ports."""

MOST_CHARACTERS = 2048
_SCHEME = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*)://")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[0-9]{1,5}")
_ENCODED_CONTROL = re.compile(r"%(?:[01][0-9a-f]|7f|5c)", re.I)
_IN_PATH = "%/:@!$&'()*+,;=~-._[]|{}"
_IN_QUERY = _IN_PATH + "?"
_WORD = re.compile(
    r"[0-9]{1,3}|[a-z]{1,3}[0-9]{0,3}"
    r"|(?=.{1,16}\Z)[A-Z]?[a-z]{2,}(?:[-_]?[A-Z][a-z]{2,}|[-_][a-z]{2,})*[-_]?[0-9]{0,3}(?:\.[a-z0-9]{2,4})?"
)
_AMBIGUOUS = (
    "the URL can be read in more than one way, because of an @, : / ? or # in the password: percent-encode it "
    "(@ as %40, : as %3A, / as %2F, ? as %3F, # as %23), or give user and password as fields of their own"
)


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """An address in parts. host: lower case, without brackets; path: with its query, percent-encoded.

    user and password are as the camera knows them, not encoded; None where there is none.
    """

    scheme: Scheme
    host: str
    port: int | None
    path: str = field(repr=False)
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def is_rtsp(self) -> bool:
        """Whether it speaks RTSP; else HTTP."""
        return self.scheme.startswith("rtsp")

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme.endswith("s")

    @property
    def port_used(self) -> int:
        """The port of the address, or the scheme's."""
        return self.port or SCHEMES[self.scheme]

    @property
    def origin(self) -> tuple[str, str, int]:
        """What a password was given for: it is not sent anywhere else."""
        return self.scheme, self.host, self.port_used

    @property
    def shown(self) -> str:
        """Scheme, host, port and the path's start, for everybody. A first part of the path that is no plain word, and
        what follows it, is `…`: cameras take passwords and tokens there.
        """
        first, slash, rest = self.path.partition("?")[0].removeprefix("/").partition("/")
        if first and not is_plain_word(first):
            return f"{self._origin_text}/…"
        more = rest or "?" in self.path
        return f"{self._origin_text}{'/' if self.path else ''}{first}{slash if rest else ''}{'…' if more else ''}"

    @property
    def plain(self) -> str:
        """The address without user and password; for those who may edit it, as paths too hold secrets."""
        return f"{self._origin_text}{self.path}"

    def url(self) -> str:
        """The whole address, put together from its parts. Secret."""
        if self.user is None:
            return self.plain
        secret = "" if self.password is None else f":{quote(self.password, safe='')}"
        return f"{self.scheme}://{quote(self.user, safe='')}{secret}@{self._authority}{self.path}"

    @property
    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def _origin_text(self) -> str:
        return f"{self.scheme}://{self._authority}"


def is_plain_word(part: str) -> bool:
    """Whether a part of a path is a word, perhaps with a number, as no password or token is."""
    return _WORD.fullmatch(part) is not None


def is_network_url(text: str) -> bool:
    """Whether the text begins like the address of a camera in a network."""
    found = _SCHEME.match(text)
    return found is not None and found["scheme"].lower() in SCHEMES


def parse_address(text: str, user: str | None = None, password: str | None = None) -> CameraAddress:
    """The address that a text means; user and password are those of fields of their own, where there are such.

    An @, /, ? or # in the password is understood where only one reading makes sense. Raises CameraAddressError.
    """
    scheme = _check_text(text)
    rest = text.partition("://")[2]
    readings = [reading for at in _ats(rest) if (reading := _read(scheme, rest, at)) is not None]
    if not readings:
        raise CameraAddressError(_complaint(rest))
    if len(readings) > 1:
        raise CameraAddressError(_AMBIGUOUS, suggestion=readings[-1].url())
    found = readings[0]
    if _ENCODED_CONTROL.search(found.path):
        raise CameraAddressError("the URL's path contains an encoded control character or backslash; remove it")
    if user is not None or password is not None:
        if found.user is not None:
            raise CameraAddressError("give user and password in the URL or as fields of their own, not both")
        found = replace(found, user=user or "", password=password)
    check_credentials(found.user, found.password)
    return found


def check_credentials(user: str | None, password: str | None) -> None:
    """Raises CameraAddressError for what cannot be sent in a header: it would end the header and begin another."""
    for name, value in (("user", user), ("password", password)):
        if value is not None and not all(sign.isprintable() for sign in value):
            raise CameraAddressError(f"the {name} contains a control character")
    if user is not None and any(sign in user for sign in ':"'):
        raise CameraAddressError('the user contains a : or a ", which cannot be sent to a camera')
    if user is None and password is not None:
        raise CameraAddressError("a password needs a user")


def shown(text: str) -> str:
    """As CameraAddress.shown; of an address that cannot be read its scheme only."""
    try:
        return parse_address(text).shown
    except CameraAddressError:
        found = _SCHEME.match(text)
        return f"{found['scheme'].lower()}://…" if found else "…"


def _check_text(text: str) -> Scheme:
    """The scheme of a text that has no character that no address has. Raises CameraAddressError."""
    if len(text) > MOST_CHARACTERS:
        raise CameraAddressError(f"the URL must be at most {MOST_CHARACTERS} characters long")
    if any(sign.isspace() for sign in text if sign.isprintable()):
        raise CameraAddressError("the URL contains a space; write %20 where it belongs to a name or a password")
    if not text.isprintable():
        raise CameraAddressError("the URL contains a control character, such as a line break; remove it")
    if "\\" in text:
        raise CameraAddressError("the URL contains a backslash; write %5C where it belongs to a password, else /")
    found = _SCHEME.match(text)
    scheme = found["scheme"].lower() if found else ""
    if scheme not in SCHEMES:
        raise CameraAddressError(f"the URL must start with {', '.join(f'{known}://' for known in SCHEMES)}")
    return cast("Scheme", scheme)


def _ats(rest: str) -> list[int]:
    """Where user and password may end: nowhere (-1), or at any @."""
    return [-1, *(index for index, sign in enumerate(rest) if sign == "@")]


def _read(scheme: Scheme, rest: str, at: int) -> CameraAddress | None:
    """The address, if user and password end at that @; None where that makes no sense."""
    secrets, after = rest[: max(at, 0)], rest[at + 1 :]
    split = re.search(r"[/?#]", after)
    end = split.start() if split else len(after)
    place = _host_and_port(after[:end])
    tail = after[end:]
    if place is None or "#" in tail:
        return None
    user: str | None = None
    password: str | None = None
    if at >= 0:
        name, colon, secret = secrets.partition(":")
        if re.search(r"[/?#]", name):
            return None
        user, password = unquote(name), unquote(secret) if colon else None
    path, mark, query = tail.partition("?")
    encoded = quote(path, safe=_IN_PATH) + mark + quote(query, safe=_IN_QUERY)
    return CameraAddress(scheme, *place, encoded, user, password)


def _host_and_port(text: str) -> tuple[str, int | None] | None:
    """A valid host, lower case, and its port if it has one."""
    host, colon, digits = text.rpartition(":") if not text.endswith("]") and ":" in text else (text, "", "")
    if colon and not (_PORT.fullmatch(digits) and 0 < int(digits) < 65536):
        return None
    port = int(digits) if colon else None
    if host.startswith("[") and host.endswith("]"):
        try:
            literal = ipaddress.IPv6Address(host[1:-1])
            return None if literal.scope_id else (str(literal), port)
        except ValueError:
            return None
    name = _ascii(host)
    labels = name.removesuffix(".").split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or len(name) > 253:
        return None
    if _NUMERIC.fullmatch(labels[-1]):  # 127.1 and 0x7f000001 are addresses for some, names for others
        try:
            return str(ipaddress.IPv4Address(name)), port
        except ValueError:
            return None
    return name, port


def _ascii(host: str) -> str:
    """A host name as DNS has it; empty where there is no such form."""
    try:
        return host.encode("idna").decode().lower() if not host.isascii() else host.lower()
    except UnicodeError:
        return ""


def _complaint(rest: str) -> str:
    """Why there is no reading, with nothing of the text in it."""
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    if not host or host.startswith(":"):
        return "the URL has no host"
    if "#" in rest:
        return "the URL contains a #: write %23 where it belongs to the password, else remove it and what follows"
    return (
        "the URL's host or port is not valid; where the password contains an @, : / ? or #, percent-encode it "
        "(%40, %3A, %2F, %3F, %23), or give user and password as fields of their own"
    )
