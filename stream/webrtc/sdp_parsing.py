"""WHIP's session descriptions: what an offer must have, trickled fragments, the answer's addresses. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from aiortc import RTCIceCandidate, RTCIceServer
from aiortc.sdp import MediaDescription, SessionDescription, candidate_from_sdp

from stream.errors import BadOfferError, UnsupportedOfferError

MOST_CHARACTERS = 65_536
MOST_CANDIDATES = 64
_CANDIDATE = "a=candidate:"
# what aiortc's parser raises on garbage: it asserts, indexes and converts as it goes
_PARSE_ERRORS = (ArithmeticError, AssertionError, AttributeError, LookupError, StopIteration, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer that can be answered. `mid` is the media section that carries the candidates."""

    sdp: str
    mid: str
    ice_ufrag: str
    candidates: int


@dataclass(frozen=True, slots=True)
class Fragment:
    """A trickled fragment (RFC 8840); candidates that can be used, each with its `sdpMid` where the fragment says."""

    ice_ufrag: str | None
    candidates: tuple[RTCIceCandidate, ...]


def read_offer(text: str) -> Offer:
    """Check an offer; raises BadOfferError or UnsupportedOfferError. Codecs are negotiated later, by aiortc.

    Candidates that cannot be reached (mDNS names, TCP) and the end of candidates are taken out: the peer's checks
    tell its address (peer reflexive), and ICE must not give up on an empty list before they come.
    """
    if len(text) > MOST_CHARACTERS:
        raise BadOfferError(f"the offer has more than {MOST_CHARACTERS} characters")
    lines = text.splitlines()
    kept = [line for line in lines if line.strip() != "a=end-of-candidates" and _is_usable_line(line)]
    candidates = sum(line.startswith(_CANDIDATE) for line in kept)
    if candidates > MOST_CANDIDATES:
        raise BadOfferError(f"the offer has more than {MOST_CANDIDATES} candidates")
    clean = "\r\n".join(kept) + "\r\n"
    try:
        media = SessionDescription.parse(clean).media
    except _PARSE_ERRORS as error:
        raise BadOfferError(f"the offer is not a valid session description: {error}") from error
    if not media:
        raise BadOfferError("the offer has no media section")
    ufrags = [_check_transport(section) for section in media]
    _check_kinds(media)
    return Offer(clean, media[0].rtp.muxId, ufrags[0], candidates)


def read_fragment(text: str) -> Fragment:
    """Parse the body of a PATCH, `application/trickle-ice-sdpfrag`. Raises BadOfferError."""
    if len(text) > MOST_CHARACTERS:
        raise BadOfferError(f"the fragment has more than {MOST_CHARACTERS} characters")
    ice_ufrag: str | None = None
    mid: str | None = None
    candidates: list[RTCIceCandidate] = []
    for line in text.splitlines():
        name, _, value = line.strip().partition(":")
        if name == "a=ice-ufrag":
            ice_ufrag = value
        elif name == "a=mid":
            mid = value
        elif name == "a=candidate":
            try:
                candidate = candidate_from_sdp(value)
            except _PARSE_ERRORS as error:
                raise BadOfferError(f"not a valid ICE candidate: {value[:200]}") from error
            if _is_usable(candidate):
                candidate.sdpMid = mid
                candidates.append(candidate)
        elif line.strip() and line[1:2] != "=":
            raise BadOfferError(f"not a line of a session description: {line[:200]}")
    return Fragment(ice_ufrag, tuple(candidates))


def publish_address(answer: str, address: str) -> str:
    """Name `address` as the host in an answer's candidates of the same IP version: the public side of a 1:1 NAT."""
    version = ipaddress.ip_address(address).version
    lines = []
    for line in answer.splitlines():
        fields = line.split(" ")
        if line.startswith(_CANDIDATE) and fields[7:8] == ["host"] and _version(fields[4]) == version:
            line = " ".join([*fields[:4], address, *fields[5:]])
        elif line.startswith(f"c=IN IP{version} ") and not ipaddress.ip_address(fields[2]).is_unspecified:
            line = f"c=IN IP{version} {address}"
        lines.append(line)
    return "\r\n".join(lines) + "\r\n"


def ice_server(url: str) -> RTCIceServer:
    """`stun:host:port`, or `turn:user:password@host:port?transport=udp`, as aiortc wants it. Raises ValueError."""
    scheme, _, rest = url.partition(":")
    if scheme not in ("stun", "stuns", "turn", "turns") or not rest:
        raise ValueError("an ICE server must be stun:HOST[:PORT] or turn:USER:PASSWORD@HOST[:PORT][?transport=udp]")
    userinfo, _, host = rest.rpartition("@")
    username, _, credential = userinfo.partition(":")
    return RTCIceServer(urls=f"{scheme}:{host}", username=username or None, credential=credential or None)


def _check_transport(section: MediaDescription) -> str:
    """What WebRTC requires of every section; returns its ICE user name."""
    ice = section.ice
    if ice is None or not ice.usernameFragment or not ice.password:
        raise BadOfferError("the offer has no ICE credentials (a=ice-ufrag, a=ice-pwd)")
    if section.dtls is None or not section.dtls.fingerprints:
        raise BadOfferError("the offer has no DTLS fingerprint or setup role (a=fingerprint, a=setup)")
    if section.kind in ("audio", "video") and not section.rtcp_mux:
        raise BadOfferError("the offer has no a=rtcp-mux")
    return ice.usernameFragment


def _check_kinds(media: list[MediaDescription]) -> None:
    kinds = [section.kind for section in media]
    if others := sorted(set(kinds) - {"audio", "video"}):
        raise UnsupportedOfferError(f"media of kind {', '.join(others)} is not supported; send video and audio only")
    sending = [
        section for section in media if section.kind == "video" and section.direction in (None, "sendrecv", "sendonly")
    ]
    if not sending:
        raise UnsupportedOfferError("the offer sends no video")
    if kinds.count("video") > 1 or kinds.count("audio") > 1:
        raise UnsupportedOfferError("only one video track and one audio track are supported")


def _is_usable_line(line: str) -> bool:
    """Whether a line of an offer may stay: all but candidates out of reach."""
    if not line.startswith(_CANDIDATE):
        return True
    try:
        return _is_usable(candidate_from_sdp(line[len(_CANDIDATE) :]))
    except _PARSE_ERRORS:
        return False


def _is_usable(candidate: RTCIceCandidate) -> bool:
    return (
        candidate.protocol.lower() == "udp"
        and candidate.component == 1
        and candidate.type in ("host", "srflx", "relay")
        and _version(candidate.ip) is not None
        and 0 < candidate.port < 65536
    )


def _version(address: str) -> int | None:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None
