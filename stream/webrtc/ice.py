"""ICE for WHIP: which candidates are usable, STUN and TURN servers, the public address behind a NAT. Pure."""

from __future__ import annotations

import ipaddress

from aiortc import RTCIceCandidate, RTCIceServer

CANDIDATE = "a=candidate:"
"""How an SDP line with a candidate begins."""


def is_usable(candidate: RTCIceCandidate) -> bool:
    """Whether a candidate can be reached: UDP, with an IP address (mDNS names cannot be resolved here)."""
    return (
        candidate.protocol.lower() == "udp"
        and candidate.component == 1
        and candidate.type in ("host", "srflx", "relay")
        and _version(candidate.ip) is not None
        and 0 < candidate.port < 65536
    )


def publish_address(answer: str, address: str) -> str:
    """An answer whose host candidates of the same IP version have `address`: the public side of a 1:1 NAT."""
    version = ipaddress.ip_address(address).version
    lines = []
    for line in answer.splitlines():
        fields = line.split(" ")
        if line.startswith(CANDIDATE) and fields[7:8] == ["host"] and _version(fields[4]) == version:
            line = " ".join([*fields[:4], address, *fields[5:]])
        elif line.startswith(f"c=IN IP{version} ") and not ipaddress.ip_address(fields[2]).is_unspecified:
            line = f"c=IN IP{version} {address}"
        lines.append(line)
    return "\r\n".join(lines) + "\r\n"


def ice_server(url: str) -> RTCIceServer:
    """aiortc's form of `stun:host:port` or `turn:user:password@host:port?transport=udp`. Raises ValueError."""
    scheme, _, rest = url.partition(":")
    if scheme not in ("stun", "stuns", "turn", "turns") or not rest:
        raise ValueError("an ICE server must be stun:HOST[:PORT] or turn:USER:PASSWORD@HOST[:PORT][?transport=udp]")
    userinfo, _, host = rest.rpartition("@")
    username, _, credential = userinfo.partition(":")
    return RTCIceServer(urls=f"{scheme}:{host}", username=username or None, credential=credential or None)


def _version(address: str) -> int | None:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None
