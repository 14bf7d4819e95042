"""Why a stream is down: what its node says as `reason` of a stream_down on `livesight.events`. Pure.

One of these words, or else what the source says of a camera that it lost. Only the latter is an outage, and
`reconnected`, which is one that was over before it was seen.

Others read these words: they stay as they are, and what is new is another word.
"""

from __future__ import annotations

from typing import Final

REMOVED: Final = "removed"
DISABLED: Final = "disabled"
"""It is still configured, and paused."""
PUSH_ENDED: Final = "push_ended"
"""The client that pushed it has ended in order."""
REPLACED: Final = "replaced"
"""It goes on with other settings, in a session of its own."""
RELEASED: Final = "released"
"""Another node takes it."""
SHUTDOWN: Final = "shutdown"
"""Its node is stopped in order."""
RECONNECTED: Final = "reconnected"
"""Another session is there already."""

UNWANTED: Final = frozenset({REMOVED, DISABLED, PUSH_ENDED})
"""Nobody wants the stream any more."""

INTERRUPTED: Final = {
    REPLACED: "it was changed",
    RELEASED: "its node let go of it",
    SHUTDOWN: "its node was stopped",
}
"""Livesight itself stopped watching, and is to go on: nothing is known of the camera meanwhile. With what was done."""


def is_outage(reason: str | None) -> bool:
    """Whether a stream_down of that reason says that the camera was lost.

    None and words of later versions count as lost: better one alarm too many than a camera that nobody misses.
    """
    return reason not in UNWANTED and reason not in INTERRUPTED
