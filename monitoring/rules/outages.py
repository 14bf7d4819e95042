"""Streams that are down or silent: what their nodes say, and for how long. Pure.

Down is what was lost. When Livesight itself stops watching (a change, a restart, another node takes it) nothing is
known of the camera until it is heard of again: that is no outage, unless it takes far longer than such a thing does.
"""

from __future__ import annotations

from monitoring.rules.alert_lifecycle import RuleEvaluation
from monitoring.rules.rule import DownCondition
from monitoring.rules.state import StreamRules
from monitoring.rules.wording import seconds
from workers.bus.event import Event
from workers.bus.stream_down import INTERRUPTED, UNWANTED

UNWATCHED_S = 120.0
"""How long Livesight may take to watch a stream again that it stopped watching itself, beyond a rule's own `for_s`."""


def note_down(state: StreamRules, event: Event) -> None:
    """A node says that the stream is down."""
    state.wanted, state.down_after = event.reason not in UNWANTED, (event.session, event.pts_us)
    state.interrupted = event.reason if event.reason in INTERRUPTED else None
    if not state.wanted or state.interrupted is not None:
        state.down_since_ns = state.down_reason = None
    elif state.down_since_ns is None:
        state.down_since_ns, state.down_reason = event.captured_at_ns, event.reason


def note_removed(state: StreamRules) -> None:
    """Nobody wants the stream any more, and no node is there to say so."""
    state.wanted = False
    state.down_since_ns = state.down_reason = state.interrupted = None


def note_up(state: StreamRules) -> None:
    """The stream is up."""
    state.down_since_ns = state.down_reason = state.interrupted = None
    state.wanted = True


def upgrade(state: StreamRules) -> None:
    """A state of a version that counted interruptions as outages."""
    if state.down_reason in INTERRUPTED:
        state.interrupted, state.down_since_ns, state.down_reason = state.down_reason, None, None


def evaluate_outage(when: DownCondition, state: StreamRules, now_ns: int) -> RuleEvaluation | None:
    """When its node says that the stream has been down for long enough."""
    since_ns, reason = state.down_since_ns, state.down_reason
    if since_ns is None or now_ns - since_ns < when.for_s * 1e9:
        return None
    why = f": {reason}" if reason else ""
    text = f"The stream has been down for {seconds(when.for_s)}{why}"
    return RuleEvaluation(text, about={"reason": reason}, at_ns=since_ns + round(when.for_s * 1e9))


def silence(when: DownCondition, interrupted: str | None, silent_s: float) -> RuleEvaluation | None:
    """When nothing has come from the stream for long enough, and no node says why. interrupted: what Livesight did."""
    if silent_s < when.for_s + (0.0 if interrupted is None else UNWATCHED_S):
        return None
    text = f"The stream has sent nothing for {seconds(when.for_s)}"
    if interrupted is not None:
        text = f"The stream has not come back within {seconds(when.for_s + UNWATCHED_S)}: {interrupted}"
    return RuleEvaluation(text, about={"reason": "silent"})
