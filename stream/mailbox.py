"""The one way by which frames cross threads inside a process. Any thread on either side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

from stream.errors import MailboxClosed

T = TypeVar("T")
Policy = Literal["newest", "block"]


class Mailbox(Generic[T]):
    """A bounded hand-over with a policy.

    `newest`: one slot; a put replaces what lies there, and what was replaced is counted and handed to `on_drop`.
    Where `wants` is set (a limit on the rate, stream/decoding/fps_limit.py), an item that it refuses only replaces
    another one: it is newer, and as good. What goes for that, itself or the other, is no sign that anybody is too
    slow: it is handed to `on_left_out` and counted apart. `wants` is called once an item, in order, on the
    putting thread under the lock.

    `block`: up to `capacity` items; a put waits for room, so that nothing is lost.

    `on_put` is called after each put, outside the lock, on the putting thread: it must only wake somebody.
    """

    def __init__(
        self,
        policy: Policy = "newest",
        capacity: int = 1,
        on_drop: Callable[[T], None] | None = None,
        on_put: Callable[[], None] | None = None,
        on_left_out: Callable[[T], None] | None = None,
    ) -> None:
        if capacity < 1 or (policy == "newest" and capacity != 1):
            raise ValueError(f"a {policy!r} mailbox cannot hold {capacity} items")
        self.policy = policy
        self.capacity = capacity
        self.on_drop = on_drop
        self.on_put = on_put
        self.on_left_out = on_left_out
        self.wants: Callable[[T], bool] | None = None
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._error: BaseException | None = None
        self._dropped = self._left_out = 0

    @property
    def dropped(self) -> int:
        """How many items were replaced before anybody took them."""
        return self._dropped

    @property
    def left_out(self) -> int:
        """How many items were left out because `wants` refused them, or the one that took their place."""
        return self._left_out

    @property
    def closed(self) -> bool:
        """True once either side closed it; items still inside can be taken."""
        return self._closed

    @property
    def pending(self) -> bool:
        """True while there is something to take."""
        return bool(self._items)

    def put(self, item: T) -> None:
        """Hand over one item. Blocks under the policy `block` only. Raises MailboxClosed once closed."""
        gone: T | None = None
        wanted = True
        with self._changed:
            if self.policy == "block":
                self._changed.wait_for(lambda: self._closed or len(self._items) < self.capacity)
            if self._closed:
                raise MailboxClosed("the mailbox is closed")
            if self.policy == "newest":
                wanted = self.wants is None or self.wants(item)
                gone = self._make_room(item, wanted)
            if gone is not item:
                self._items.append(item)
                self._changed.notify_all()
        on_gone = self.on_drop if wanted else self.on_left_out
        if gone is not None and on_gone is not None:
            on_gone(gone)
        if self.on_put is not None:
            self.on_put()

    def _make_room(self, item: T, wanted: bool) -> T | None:
        """What goes when `item` comes: what lies there, the item itself, or nothing. Counted; under the lock."""
        gone = self._items.popleft() if self._items else None if wanted else item
        if gone is not None and wanted:
            self._dropped += 1
        elif gone is not None:
            self._left_out += 1
        return gone

    def take(self) -> T | None:
        """The oldest item, or None at once when there is none. Never blocks, never raises."""
        with self._changed:
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def get(self, timeout_s: float | None = None) -> T:
        """Wait for an item.

        Raises TimeoutError after `timeout_s`; once closed and empty, the producer's error if it gave one, else
        MailboxClosed.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._closed, timeout_s):
                raise TimeoutError(f"nothing arrived within {timeout_s} s")
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            if self._error is not None:
                raise self._error
            raise MailboxClosed("the mailbox is closed")

    def close(self, error: BaseException | None = None) -> None:
        """Wake both sides. Idempotent; the first error given is what the consumer sees once the items are gone."""
        with self._changed:
            if not self._closed:
                self._closed = True
                self._error = error
            self._changed.notify_all()
        if self.on_put is not None:
            self.on_put()
