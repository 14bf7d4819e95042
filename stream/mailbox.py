"""The one way by which frames cross threads inside a process. Any thread on either side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

from stream.errors import MailboxClosed

T = TypeVar("T")
Policy = Literal["newest", "block"]
DropReason = Literal["newer", "max_fps"]
OnDrop = Callable[[T, DropReason], None]


class Mailbox(Generic[T]):
    """A bounded hand-over from one producer to one consumer, with a policy.

    `newest`: one slot; a put replaces what is in it. What was replaced goes to `on_drop` with the reason "newer".
    Where `accepts` is given (a limit on the rate, stream/decoding/fps_limit.py), an item that it rejects only replaces
    another one: it is newer, and as good. What is dropped for that, the item itself or the other, is no sign of
    overload: the reason is "max_fps" then, and it is counted apart. `accepts` is called once an item, in order, on the
    putting thread under the lock.

    `block`: up to `capacity` items; a put waits for room, so that nothing is lost. `accepts` is not called.

    `on_drop` is called outside the lock on the putting thread and must not block.
    """

    def __init__(
        self,
        policy: Policy = "newest",
        capacity: int = 1,
        accepts: Callable[[T], bool] | None = None,
        on_drop: OnDrop[T] | None = None,
    ) -> None:
        if capacity < 1 or (policy == "newest" and capacity != 1):
            raise ValueError(f"a {policy!r} mailbox cannot hold {capacity} items")
        self.policy = policy
        self.capacity = capacity
        self._accepts = accepts
        self._on_drop = on_drop
        self._on_change: Callable[[], None] | None = None
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._error: BaseException | None = None
        self._dropped = self._left_out = 0

    @property
    def dropped(self) -> int:
        """How many items were replaced before the consumer took them."""
        return self._dropped

    @property
    def left_out(self) -> int:
        """How many items were left out because `accepts` rejected them, or the one that took their place."""
        return self._left_out

    @property
    def closed(self) -> bool:
        """True once either side closed it; items still inside can be taken."""
        return self._closed

    @property
    def pending(self) -> bool:
        """True while there is something to take."""
        return bool(self._items)

    def accept(self, accepts: Callable[[T], bool] | None) -> None:
        """Decide by another `accepts` from the next item on; None: all of them. Any thread."""
        with self._changed:
            self._accepts = accepts

    def subscribe(self, on_change: Callable[[], None]) -> None:
        """Call `on_change` after each put and when the mailbox is closed, for a consumer that waits elsewhere.

        It is called outside the lock on the putting or closing thread and must only wake the consumer. There is one
        consumer: a second call replaces the first.
        """
        self._on_change = on_change

    def put(self, item: T) -> None:
        """Hand over one item. Blocks under the policy `block` only. Raises MailboxClosed once closed."""
        gone: T | None = None
        accepted = True
        with self._changed:
            if self.policy == "block":
                self._changed.wait_for(lambda: self._closed or len(self._items) < self.capacity)
            if self._closed:
                raise MailboxClosed("the mailbox is closed")
            if self.policy == "newest":
                accepted = self._accepts is None or self._accepts(item)
                gone = self._make_room(item, accepted)
            if gone is not item:
                self._items.append(item)
                self._changed.notify_all()
        if gone is not None and self._on_drop is not None:
            self._on_drop(gone, "newer" if accepted else "max_fps")
        if self._on_change is not None:
            self._on_change()

    def _make_room(self, item: T, accepted: bool) -> T | None:
        """What is dropped for `item`: what is in the slot, the item itself, or nothing. Counted; under the lock."""
        gone = self._items.popleft() if self._items else None if accepted else item
        if gone is not None and accepted:
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
        """Wake both sides. Idempotent; the first error given is what the consumer sees once the items are taken."""
        with self._changed:
            if not self._closed:
                self._closed = True
                self._error = error
            self._changed.notify_all()
        if self._on_change is not None:
            self._on_change()
