"""Streams that are down or silent: what their nodes say, and for how long. Pure."""

from __future__ import annotations

from monitoring.rules.evaluate import RuleEvaluation, seconds
from monitoring.rules.rule import DownCondition
from monitoring.rules.state import StreamRules
from workers.bus.event import Event

SHUTDOWN = "shutdown"
_INTENDED = frozenset({"removed", "disabled", "push_ended"})
"""Reasons of stream_down that somebody intended, which are no outage (workers/node/stream_events.py has all)."""


def note_down(state: StreamRules, event: Event) -> None:
    """A node says that the stream is down."""
    state.wanted, state.down_after = event.reason not in _INTENDED, (event.session, event.pts_us)
    if not state.wanted:
        state.down_since_ns = state.down_reason = None
    elif state.down_since_ns is None:
        state.down_since_ns, state.down_reason = event.captured_at_ns, event.reason


def note_up(state: StreamRules) -> None:
    """The stream is up."""
    state.down_since_ns, state.down_reason, state.wanted = None, None, True


def evaluate_outage(when: DownCondition, state: StreamRules, now_ns: int) -> RuleEvaluation | None:
    """When its node says that the stream has been down for long enough."""
    since_ns, reason = state.down_since_ns, state.down_reason
    if since_ns is None or now_ns - since_ns < when.for_s * 1e9:
        return None
    why = f": {reason}" if reason else ""
    text = f"The stream has been down for {seconds(when.for_s)}{why}"
    return RuleEvaluation(text, about={"reason": reason}, at_ns=since_ns + round(when.for_s * 1e9))


def silence(when: DownCondition) -> RuleEvaluation:
    """When nothing has come from the stream for long enough, and no node says why."""
    return RuleEvaluation(f"The stream has sent nothing for {seconds(when.for_s)}", about={"reason": "silent"})
