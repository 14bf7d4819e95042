"""What turns results into events: the contract between the monitor and its handlers. Pure."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from pydantic import AliasChoices, Field

from workers.bus.event import Event
from workers.bus.result import FrameResult

Durability = Literal["each", "sometimes"]


def formerly(name: str, *before: str) -> Any:
    """For a field of a stored state that was renamed: states that an earlier version stored are read all the same."""
    return Field(validation_alias=AliasChoices(name, *before))


class Handler(Protocol):
    """One consumer of results within the monitor. All calls come from the monitor's thread, one at a time.

    Handlers touch no database, no file and no network. What they know of a stream is a JSON-able state, which the
    monitor stores: with `durability` "each" in the same transaction as the events and the offset (so a restart goes on
    exactly there), with "sometimes" every half a minute and at the end (where losing seconds does no harm). The monitor
    gives no result twice: duplicates and those of past sessions never arrive. Handlers run in a fixed order and
    see the events that those before them made of the same result.
    """

    name: str
    durability: Durability

    def restore(self, stream_id: str, state: Any | None) -> None:
        """Before anything else of a stream: what `dump` gave last, None when there is nothing."""
        ...

    def forget(self, stream_id: str | None) -> None:
        """Drop what is known of a stream (of all: None); `restore` comes before its next result."""
        ...

    def take_result(self, result: FrameResult, events: list[Event]) -> None:
        """One result; what it makes happen is appended to `events`."""
        ...

    def take_event(self, event: Event, events: list[Event]) -> None:
        """An event that a node made (stream_up, stream_down); what it makes happen is appended."""
        ...

    def tick(self, now_ns: int, events: list[Event]) -> None:
        """The wall clock, about once a second, only while nothing waits to be read: so silence is silence."""
        ...

    def dump(self, stream_id: str) -> Any:
        """The state of a stream, JSON-able."""
        ...
