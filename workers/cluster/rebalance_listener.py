"""What a node does as its group rebalances: it takes what it is assigned, and stops cameras before it lets go.

On the client's thread, which also sends the heartbeats: what blocks is done in another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import Any, Protocol

import structlog
from kafka import AsyncConsumerRebalanceListener

from workers.kafka.kafka_python import Future

log = structlog.get_logger(__name__)

_SYNCED_S = 1.5  # by then a round is over for all members; Tansu answers them one by one, within a second


class PartitionHolder(Protocol):
    """What the listener needs of a `Lease`."""

    @property
    def held(self) -> frozenset[int]:
        """The partitions that the group gave this node."""
        ...

    @property
    def is_leaving(self) -> bool:
        """Whether the group is left while the cameras run on."""
        ...

    def gain(self, partitions: frozenset[int]) -> None:
        """The group has assigned these."""
        ...

    def let_go(self, partitions: frozenset[int]) -> None:
        """From here on nothing of these partitions is published."""
        ...

    def release(self, partitions: frozenset[int]) -> None:
        """Stop the cameras of these partitions; blocks until they are."""
        ...


class RebalanceListener(AsyncConsumerRebalanceListener):  # type: ignore[misc]
    """On the client's thread, which also sends the heartbeats: what blocks is done in another."""

    def __init__(self, lease: PartitionHolder, loop: Any) -> None:
        """`loop`: the client's, kafka.net.selector.NetworkSelector."""
        self._lease = lease
        self._loop = loop

    async def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        """More to run."""
        self._lease.gain(frozenset(one.partition for one in assigned))

    async def on_partitions_lost(self, lost: Collection[Any]) -> None:
        """The group has evicted this node."""
        await self._stop(lost)

    async def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        """The group goes on once this returns: this node joins again then, which gives others what it let go.

        Not before all others have had their answer of this round. One that has not is forgotten by Tansu when the next
        begins, and comes back only after the request's time-out.
        """
        began_s = time.monotonic()
        if await self._stop(revoked):
            await self._loop.sleep(max(0.0, began_s + _SYNCED_S - time.monotonic()))

    async def _stop(self, gone: Collection[Any]) -> bool:
        """Whether there was anything to stop."""
        if self._lease.is_leaving:
            return False  # they run on until others have them
        partitions = frozenset(one.partition for one in gone) & self._lease.held
        self._lease.let_go(partitions)
        if not partitions:
            return False
        stopped = Future()

        def tell() -> None:
            stopped.success(None)

        def stop() -> None:
            try:
                self._lease.release(partitions)
            except Exception:
                log.exception("cameras_not_stopped")
            try:  # set from here the future would be noticed at the next heartbeat only
                self._loop.call_soon_threadsafe(tell)
            except RuntimeError:
                log.info("group_left_meanwhile")

        threading.Thread(target=stop, name="lease-release", daemon=True).start()
        await stopped
        return True
