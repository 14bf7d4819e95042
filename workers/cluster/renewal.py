"""Until when a member of the nodes' group can be sure that nobody else was given what it has. One thread writes.

Comparisons of clocks at every question, so that a process that was stopped and goes on knows it before it publishes.
"""

from __future__ import annotations

import time
from typing import Any

from workers.kafka.kafka_python import MemberState, heartbeat_times

REBALANCE_SESSIONS = 3
_FORGOTTEN_SESSIONS = 2
_SEEN_S = 1.5  # the lease's thread looks five times a second; one that did not for so long was stopped
_NEVER_S = float("-inf")


class Renewal:
    """What was last heard of the broker; workers/cluster/lease.py says what follows. Times are time.monotonic()."""

    def __init__(self, session_s: float) -> None:
        self._session_s = session_s
        self.forget()

    def forget(self) -> None:
        """The membership is over."""
        self.renewed_s = self.refused_s = self.rebalancing_s = _NEVER_S
        self.generation: tuple[str, int] = ("", -1)
        self._sent_s = self._received_s = _NEVER_S  # of the last look

    @property
    def holds(self) -> bool:
        """Whether the session lasts, or all brokers refuse, or a request to join was just seen pending. Any thread."""
        now_s = time.monotonic()
        if now_s < max(self.renewed_s, self.refused_s) + self._session_s:
            return True
        return now_s < self.rebalancing_s + _SEEN_S and now_s < self.renewed_s + REBALANCE_SESSIONS * self._session_s

    @property
    def unheard_s(self) -> float:
        """How long ago the newest request that the broker confirmed was sent."""
        return time.monotonic() - self.renewed_s

    @property
    def is_forgotten(self) -> bool:
        """Whether a broker that refused is back for so long that it must know nothing of this member."""
        back_s = time.monotonic() - self.refused_s
        return self.renewed_s < self.refused_s and back_s > _FORGOTTEN_SESSIONS * self._session_s

    def refuse(self) -> None:
        """All brokers refuse now: none of them gives anything to others."""
        self.refused_s = time.monotonic()

    def note(self, consumer: Any, before_s: float) -> None:
        """A join counts from before it was noticed, a heartbeat from when it was sent, once it is confirmed."""
        member = consumer.group_metadata()
        generation = (member.member_id, member.generation_id)
        if member.state is MemberState.REBALANCING and member.generation_id >= 0:
            self.rebalancing_s = time.monotonic()
        received_s, sent_s = heartbeat_times(consumer)
        if generation != self.generation:
            self.generation = generation
            if member.generation_id >= 0:
                self.renewed_s = max(self.renewed_s, before_s)
        elif member.generation_id >= 0:
            if received_s >= sent_s:
                self.renewed_s = max(self.renewed_s, sent_s)
            elif received_s > self._received_s:  # confirmed, and the next one sent since: at least the one seen last
                self.renewed_s = max(self.renewed_s, self._sent_s)
        self._sent_s, self._received_s = sent_s, received_s
