"""What the dispatcher needs of a target. Pure."""

from __future__ import annotations

from typing import Protocol

from monitoring.alerts.targets.notice import Notice


class AlertTarget(Protocol):
    """Somebody to tell. Used on the dispatcher's event loop only; one `send` at a time, but for tests of the target."""

    async def send(self, notice: Notice) -> None:
        """Tell, and return when the other side has it. Raises Undelivered; may be cancelled at any time."""
        ...

    async def close(self) -> None:
        """Let go of connections. Idempotent."""
        ...
