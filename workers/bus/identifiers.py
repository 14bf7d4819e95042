"""What messages are about: ids and numbers, held to their forms where a message is read. Pure.

Whoever may write to a topic chooses them. They become keys, rows and labels, so none has a form of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import structlog
from prometheus_client import Counter
from pydantic import Field, ValidationError

from stream.config import StreamId as StreamId
from workers.logs import StateLog

MOST_NUMBER = 2**62
"""What every database holds as an integer, with room to count on."""

SessionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")]
Number = Annotated[int, Field(ge=-MOST_NUMBER, le=MOST_NUMBER)]
Count = Annotated[int, Field(ge=0, le=MOST_NUMBER)]
Nanoseconds = Annotated[int, Field(ge=0, le=MOST_NUMBER)]
ShortText = Annotated[str, Field(max_length=200)]
NodeName = Annotated[str, Field(max_length=200)]
Versions = Annotated[dict[ShortText, Number], Field(max_length=64)]

Reason = Literal["json", "fields", "key", "content", "failed"]

UNREADABLE = Counter(
    "livesight_bus_unreadable_messages",
    "Messages that were left out. json: no JSON; fields: missing, unknown, or beyond their bounds; key: no id, or not "
    "that of the value; content: not what it says it is; failed: nobody thought of it, see the log.",
    ["topic", "reason"],
)


class UnreadableMessages:
    """Counts what is left out, and logs it as a state: once, and again every ten minutes. One thread."""

    def __init__(self, logger: Any = None) -> None:
        self._log = StateLog(logger or structlog.get_logger(__name__), "messages_unreadable")

    def note(self, topic: str, key: str, why: Reason | ValidationError, detail: str = "") -> None:
        """One message that is left out; `key` may be anything, and is cut."""
        if isinstance(why, ValidationError):
            detail, why = detail or _fields(why.errors(include_input=False, include_url=False)), _kind(why)
        UNREADABLE.labels(topic, why).inc()
        self._log.note(why, f"{topic} {why}", topic=topic, key=key[:100], detail=detail[:300])


def _kind(error: ValidationError) -> Reason:
    return "json" if any(one["type"] == "json_invalid" for one in error.errors(include_input=False)) else "fields"


def _fields(errors: Iterable[Any]) -> str:
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in list(errors)[:3])
