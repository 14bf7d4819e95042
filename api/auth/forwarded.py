"""What a reverse proxy says of the request that it had: client, scheme, host. ASGI middleware, outermost.

Anybody can send these headers, so they count from the networks in `auth.trusted_proxies` only; from there the client is
the last address in the chain that is no such proxy. A proxy appends to what came, so what stands further left was said
by whoever asked and is not looked at. X-Forwarded-For and -Proto go before Forwarded (RFC 7239): a proxy that sets one
of the two kinds lets the other pass as it came.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

_SCHEMES = frozenset({"http", "https"})
_PAIR = re.compile(r"""\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*""")
_HOST = re.compile(r"[A-Za-z0-9._~-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_ELEMENT = re.compile(rf'(?:{_QUOTED.pattern}|[^,"])+')
_MOST = 32


@dataclass(frozen=True, slots=True)
class Hop:
    """What one proxy says of the request that it had; None: nothing, or nothing that can be read."""

    address: str | None = None
    scheme: str | None = None
    host: str | None = None


class ForwardedHeaders:
    """Puts client, scheme and host into the scope, where everything else looks for them."""

    def __init__(self, app: ASGIApp, proxies: Sequence[IPv4Network | IPv6Network]) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the module."""
        client = scope.get("client")
        if scope["type"] in ("http", "websocket") and client is not None and self._is_proxy(client[0]):
            hop = self._first_hop(hops(Headers(scope=scope)))
            if hop.address is not None:
                scope["client"] = (hop.address, 0)
            if hop.scheme is not None:
                scope["scheme"] = hop.scheme.replace("http", "ws") if scope["type"] == "websocket" else hop.scheme
            if hop.host is not None:
                scope["headers"] = list(scope["headers"])
                MutableHeaders(scope=scope)["host"] = hop.host
        await self._app(scope, receive, send)

    def _is_proxy(self, text: str | None) -> bool:
        address = None if text is None else _address(text)
        return address is not None and any(address in network for network in self._proxies)

    def _first_hop(self, chain: Sequence[Hop]) -> Hop:
        """The one whose client is no proxy of ours; what nearer ones do not say is as the next further one has it."""
        taken = Hop()
        for hop in reversed(chain):
            taken = Hop(hop.address or taken.address, hop.scheme or taken.scheme, hop.host or taken.host)
            if not self._is_proxy(hop.address):
                break
        return taken


def hops(headers: Headers) -> list[Hop]:
    """The proxies' chain, the one nearest to the client first."""
    addresses, schemes, hosts = (_listed(headers, f"x-forwarded-{name}") for name in ("for", "proto", "host"))
    if not addresses and not schemes:
        return _forwarded(", ".join(headers.getlist("forwarded")))
    chain = [Hop(_plain(text)) for text in addresses] or [Hop()]
    return [
        Hop(hop.address, _scheme(_at(schemes, place, len(chain))), _host(_at(hosts, place, len(chain))))
        for place, hop in enumerate(chain)
    ]


def _listed(headers: Headers, name: str) -> list[str]:
    parts = (part.strip() for part in ",".join(headers.getlist(name)).split(","))
    return [part for part in parts if part][-_MOST:]


def _at(values: Sequence[str], place: int, length: int) -> str | None:
    """Of as many values as proxies the proxy's own; a single one, which most set, is of all of them."""
    if not values:
        return None
    return values[place] if len(values) == length else values[-1]


def _forwarded(text: str) -> list[Hop]:
    """The elements of RFC 7239; what cannot be read ends the chain: nothing left of it counts."""
    found: list[Hop] = []
    for element in reversed(_split(text)[-_MOST:]):
        pairs = _pairs(element)
        if pairs is None:
            break
        found.append(Hop(_plain(pairs.get("for", "")), _scheme(pairs.get("proto")), _host(pairs.get("host"))))
    return found[::-1]


def _split(text: str) -> list[str]:
    """At commas outside of quotes. From a quote that nobody closes on quotes separate too, as none of them is closed:
    it is searched for the end of one once, not for each.
    """
    position = begin = 0
    while (begin := text.find('"', position)) >= 0 and (quoted := _QUOTED.match(text, begin)) is not None:
        position = quoted.end()
    closed = len(text) if begin < 0 else begin
    parts = [*_ELEMENT.findall(text, 0, closed), *re.split('[,"]', text[closed:])]
    return [part for part in parts if part.strip()]


def _pairs(element: str) -> dict[str, str] | None:
    pairs: dict[str, str] = {}
    position = 0
    while position < len(element):
        match = _PAIR.match(element, position)
        if match is None or (match.end() < len(element) and element[match.end()] != ";"):
            return None
        quoted, bare = match[2], match[3]
        pairs[match[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
        position = match.end() + 1
    return pairs


def _plain(text: str) -> str | None:
    """The address, without port and brackets; None for a name, `unknown`, or anything else."""
    bracketed = re.fullmatch(r"\[([^\]]+)\](?::\d+)?", text)
    bare = bracketed[1] if bracketed else text.rpartition(":")[0] if text.count(":") == 1 else text
    address = _address(bare)
    return None if address is None else str(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _scheme(text: str | None) -> str | None:
    lower = None if text is None else text.lower()
    return lower if lower in _SCHEMES else None


def _host(text: str | None) -> str | None:
    return text if text is not None and _HOST.fullmatch(text) else None
