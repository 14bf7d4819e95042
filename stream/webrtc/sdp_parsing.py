"""Parses and checks what WHIP peers send: SDP offers and trickled fragments. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from aiortc import RTCIceCandidate
from aiortc.sdp import MediaDescription, SessionDescription, candidate_from_sdp

from stream.errors import BadOfferError, UnsupportedOfferError
from stream.webrtc.ice import CANDIDATE, is_usable

MAX_CHARACTERS = 65_536
MAX_CANDIDATES = 64
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
    if len(text) > MAX_CHARACTERS:
        raise BadOfferError(f"the offer has more than {MAX_CHARACTERS} characters")
    lines = text.splitlines()
    kept = [line for line in lines if line.strip() != "a=end-of-candidates" and _is_usable_line(line)]
    candidates = sum(line.startswith(CANDIDATE) for line in kept)
    if candidates > MAX_CANDIDATES:
        raise BadOfferError(f"the offer has more than {MAX_CANDIDATES} candidates")
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
    if len(text) > MAX_CHARACTERS:
        raise BadOfferError(f"the fragment has more than {MAX_CHARACTERS} characters")
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
            if is_usable(candidate):
                candidate.sdpMid = mid
                candidates.append(candidate)
        elif line.strip() and line[1:2] != "=":
            raise BadOfferError(f"not a line of a session description: {line[:200]}")
    return Fragment(ice_ufrag, tuple(candidates))


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
    """Whether a line of an offer stays: all but candidates that cannot be reached."""
    if not line.startswith(CANDIDATE):
        return True
    try:
        return is_usable(candidate_from_sdp(line[len(CANDIDATE) :]))
    except _PARSE_ERRORS:
        return False
