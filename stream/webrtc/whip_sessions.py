"""WHIP (RFC 9725): browsers and encoders push video by WebRTC. Runs on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError

from stream.config import StreamConfig, StreamSettings
from stream.errors import (
    BadOfferError,
    EtagMismatchError,
    EtagMissingError,
    RestartUnsupportedError,
    SessionUnknownError,
    TooManySessionsError,
    UnsupportedOfferError,
)
from stream.webrtc.aiortc_tap import FrameAssembler, tap_receiver
from stream.webrtc.ice import ice_server, publish_address
from stream.webrtc.sdp_parsing import MAX_CANDIDATES, Offer, read_fragment, read_offer
from stream.webrtc.whip_source import WhipSource

log = structlog.get_logger(__name__)

_CLOSE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class WhipAnswer:
    """A session that was created. `etag` is a strong entity tag, quotes included, fit for the header.

    `source` is not started yet: whoever takes it starts it, and closes it or deletes the session.
    """

    id: str
    sdp: str
    etag: str
    source: WhipSource


class _Session:
    """One peer connection. Its `task` is the one place where it ends."""

    def __init__(self, config: StreamConfig, settings: StreamSettings, ice: RTCConfiguration) -> None:
        self.id = secrets.token_urlsafe(18)
        self._loop = asyncio.get_running_loop()
        self.etag = f'"{secrets.token_urlsafe(9)}"'
        self.connection = RTCPeerConnection(ice)
        self.source = WhipSource(config, settings, self._source_stopped, self._source_finished, self._request_key)
        self.offer: Offer | None = None
        self.candidates = 0
        self.assembler: FrameAssembler | None = None
        self.began_s = time.monotonic()
        self.ended = asyncio.Event()
        self.reason: str | None = None
        self.decoder_stopped = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def finish(self, reason: str | None) -> None:
        """End the session; `reason` where neither side asked for it. On the event loop."""
        if not self.ended.is_set():
            self.reason = reason
            self.ended.set()

    def _source_stopped(self) -> None:
        self._on_loop(lambda: self.finish(None))

    def _source_finished(self) -> None:
        self._on_loop(self.decoder_stopped.set)

    def _on_loop(self, callback: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone, and everything with it
            self._loop.call_soon_threadsafe(callback)

    def _request_key(self) -> None:
        if self.assembler is not None:
            self.assembler.request_key()

    def received_s(self) -> float:
        """time.monotonic() of the newest RTP packet."""
        return self.assembler.last_packet_s if self.assembler else self.began_s


class WhipSessions:
    """All WHIP sessions of a process. `on_end(session_id, source)` is called once for each, after it is closed."""

    def __init__(self, settings: StreamSettings, on_end: Callable[[str, WhipSource], None] | None = None) -> None:
        """Raises ValueError for an ICE server or NAT address of the settings that is not valid."""
        self._settings = settings
        self._on_end = on_end
        self._ice = RTCConfiguration(iceServers=[ice_server(url) for url in settings.ice_servers])
        if settings.nat_1to1_address is not None:
            ipaddress.ip_address(settings.nat_1to1_address)
        self._sessions: dict[str, _Session] = {}
        self._opening = 0
        self._closed = False

    def __len__(self) -> int:
        """How many sessions are open or being opened."""
        return len(self._sessions) + self._opening

    async def create(self, config: StreamConfig, offer_sdp: str) -> WhipAnswer:
        """Answer an offer to push the stream `config.id`. The answer is complete, with all own candidates.

        Raises BadOfferError, UnsupportedOfferError, TooManySessionsError, TapError. Cancelling frees everything.
        """
        offer = read_offer(offer_sdp)
        if self._closed or len(self) >= self._settings.whip_sessions:
            raise TooManySessionsError(f"{len(self)} WHIP sessions are open, which is the limit (stream.whip_sessions)")
        self._opening += 1
        session = _Session(config, self._settings, self._ice)
        try:
            answer = await self._negotiate(session, offer)
        except BaseException:
            await asyncio.shield(session.connection.close())
            session.source.stop()
            raise
        finally:
            self._opening -= 1
        self._sessions[session.id] = session
        session.task = asyncio.create_task(self._live(session), name=f"whip-{config.id}")
        if self._closed:
            session.finish(None)
        log.info("whip_session_opened", stream=config.id, sessions=len(self))
        return WhipAnswer(session.id, answer, session.etag, session.source)

    async def patch(self, session_id: str, if_match: str | None, fragment_sdp: str) -> None:
        """Trickle: add the fragment's candidates. `if_match` is the header as it came.

        Raises SessionUnknownError, EtagMissingError, EtagMismatchError, BadOfferError, RestartUnsupportedError.
        """
        session = self._find(session_id)
        if if_match is None:
            raise EtagMissingError("the If-Match header is missing: send the answer's ETag")
        fragment = read_fragment(fragment_sdp)
        offer = session.offer
        assert offer is not None
        if if_match.strip() == "*" or fragment.ice_ufrag not in (None, offer.ice_ufrag):
            raise RestartUnsupportedError("ICE restarts are not supported; start another session")
        if session.etag not in [tag.strip() for tag in if_match.split(",")]:
            raise EtagMismatchError("If-Match does not match this session's ETag")
        session.candidates += len(fragment.candidates)
        if session.candidates > MAX_CANDIDATES:
            raise BadOfferError(f"the session has more than {MAX_CANDIDATES} candidates")
        for candidate in fragment.candidates:
            candidate.sdpMid = offer.mid  # all sections are bundled
            await session.connection.addIceCandidate(candidate)

    async def delete(self, session_id: str) -> None:
        """End a session and wait until it is closed. Raises SessionUnknownError."""
        session = self._find(session_id)
        session.finish(None)
        assert session.task is not None
        await asyncio.shield(session.task)

    async def close(self, timeout_s: float = _CLOSE_TIMEOUT_S) -> None:
        """End all sessions and accept no more. Idempotent."""
        self._closed = True
        tasks = [session.task for session in self._sessions.values() if session.task is not None]
        for session in self._sessions.values():
            session.finish(None)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout_s)
            if late:
                log.error("whip_sessions_not_closed", sessions=len(late))

    def _find(self, session_id: str) -> _Session:
        session = self._sessions.get(session_id)
        if session is None or session.ended.is_set():
            raise SessionUnknownError("there is no such WHIP session, or it has ended")
        return session

    async def _negotiate(self, session: _Session, offer: Offer) -> str:
        """Set both descriptions and tap the video; returns the answer."""
        connection = session.connection
        try:
            await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        except OperationError as error:
            raise UnsupportedOfferError(f"no supported codec, send VP8 or H.264 baseline: {error}") from error
        except (InternalError, InvalidAccessError, InvalidStateError, ValueError, AssertionError) as error:
            raise BadOfferError(f"the offer cannot be applied: {error}") from error
        session.offer, session.candidates = offer, offer.candidates
        self._wire(session)
        await connection.setLocalDescription(await connection.createAnswer())
        answer: str = connection.localDescription.sdp
        if self._settings.nat_1to1_address is not None:
            answer = publish_address(answer, self._settings.nat_1to1_address)
        return answer

    def _wire(self, session: _Session) -> None:
        """Connect tap, source and session, before the first packet can arrive."""
        source, connection = session.source, session.connection
        for transceiver in connection.getTransceivers():
            if transceiver.kind == "video":
                session.assembler = tap_receiver(transceiver.receiver, source.receive)
            else:
                transceiver.direction = "inactive"

        @connection.on("connectionstatechange")
        def on_state() -> None:
            if connection.connectionState == "failed":
                session.finish("the WebRTC connection failed")
            elif connection.connectionState == "closed":
                session.finish(None)

    async def _live(self, session: _Session) -> None:
        """Run a session from its answer to its end."""
        try:
            await self._wait_until_ended(session)
        finally:
            await self._free(session)

    async def _wait_until_ended(self, session: _Session) -> None:
        """Until it is ended or nothing arrives for `whip_timeout_s`."""
        while not session.ended.is_set():
            left_s = session.received_s() + self._settings.whip_timeout_s - time.monotonic()
            if left_s <= 0:
                session.finish(f"no video arrived for {self._settings.whip_timeout_s:g} s")
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await session.ended.wait()

    async def _free(self, session: _Session) -> None:
        """Close connection, decode thread and mailbox; call `on_end`."""
        session.finish(None)
        source = session.source
        source.stop(session.reason)
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await session.connection.close()
                await session.decoder_stopped.wait()
            source.join(0.5)  # it has reported its end
        except TimeoutError:
            log.error("whip_session_not_freed", stream=source.id)
        finally:
            self._sessions.pop(session.id, None)
            log.info("whip_session_closed", stream=source.id, reason=session.reason, sessions=len(self))
            if self._on_end is not None:
                self._on_end(session.id, source)
