"""WHIP sessions and the streams they feed. Runs on the event loop.

stream/webrtc/whip_sessions.py handles the media; a push lives as long as its session, whatever ends that.
"""

from __future__ import annotations

from api.http.errors import Problem
from api.push.pushes import Push, Pushes
from stream.config import StreamConfig
from stream.webrtc.whip_sessions import WhipAnswer, WhipSessions
from stream.webrtc.whip_source import WhipSource
from workers.node.node import Node


class WhipPushes:
    """Which WHIP session feeds which stream. Close `sessions` on the event loop."""

    def __init__(self, node: Node, pushes: Pushes) -> None:
        self.sessions = WhipSessions(node.stream_settings, self._ended)
        self._pushes = pushes
        self._by_session: dict[str, Push] = {}

    async def create(self, config: StreamConfig, offer_sdp: str) -> WhipAnswer:
        """Begin a push to `config.id`. Raises Problem (stream-busy), WhipError, ModelError, EngineError."""
        await self._pushes.refuse_busy(config.id)
        answer = await self.sessions.create(config, offer_sdp)
        # closing the source ends the session
        push = await self._pushes.begin(answer.source, config, lambda: None)
        self._by_session[answer.id] = push
        if answer.source.mailbox.closed:  # the peer left meanwhile: `_ended` may have run before the line above
            self._ended(answer.id, answer.source)
        return answer

    def check(self, stream_id: str, session_id: str) -> None:
        """Raises Problem unless the session feeds that stream."""
        push = self._by_session.get(session_id)
        if push is None or push.stream_id != stream_id:
            raise Problem("session-unknown", "no such WHIP session; it may have ended")

    def _ended(self, session_id: str, source: WhipSource) -> None:
        push = self._by_session.pop(session_id, None)
        if push is not None:
            self._pushes.end(push)
