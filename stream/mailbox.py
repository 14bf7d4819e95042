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
    `block`: up to `capacity` items; a put waits for room, so that nothing is lost.

    `on_put` is called after each put, outside the lock, on the putting thread: it must only wake somebody.
    """

    def __init__(
        self,
        policy: Policy = "newest",
        capacity: int = 1,
        on_drop: Callable[[T], None] | None = None,
        on_put: Callable[[], None] | None = None,
    ) -> None:
        if capacity < 1 or (policy == "newest" and capacity != 1):
            raise ValueError(f"a {policy!r} mailbox cannot hold {capacity} items")
        self.policy = policy
        self.capacity = capacity
        self.on_drop = on_drop
        self.on_put = on_put
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._error: BaseException | None = None
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many items were replaced before anybody took them."""
        return self._dropped

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
        replaced: T | None = None
        with self._changed:
            if self.policy == "block":
                self._changed.wait_for(lambda: self._closed or len(self._items) < self.capacity)
            if self._closed:
                raise MailboxClosed("the mailbox is closed")
            if self.policy == "newest" and self._items:
                replaced = self._items.popleft()
                self._dropped += 1
            self._items.append(item)
            self._changed.notify_all()
        if replaced is not None and self.on_drop is not None:
            self.on_drop(replaced)
        if self.on_put is not None:
            self.on_put()

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
