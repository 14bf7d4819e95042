"""What a target is told of an alert: as JSON for programs, as words for people. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.bus.event import Event

NOTICE_SCHEMA = "livesight.alert/1"

NoticeKind = Literal["alert", "alert_ended", "test"]


class NoticeDocument(BaseModel):
    """What webhooks and MQTT get. `type` says what it is."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    schema_: Literal["livesight.alert/1"] = Field(default="livesight.alert/1", alias="schema")
    type: NoticeKind
    id: str = Field(description="The same at every try.")
    timestamp: datetime = Field(description="When it happened.")
    title: str
    text: str | None = Field(description="In words a person can act on.")
    data: Event
    links: dict[str, str] = Field(description="alert, picture, clip, live; paths where no public_url is set.")


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell. `id` is the same at every try, so that who gets it twice can tell.

    links: what there is to see of it, by name; absolute when the settings say where people reach Livesight.
    picture: the alert's picture on this machine's disk, when there is one.
    """

    id: str
    kind: NoticeKind
    event: Event
    links: dict[str, str]
    picture: Path | None = None

    @property
    def severity(self) -> str:
        """Of the alert."""
        return self.event.severity or "info"

    @property
    def title(self) -> str:
        """A line."""
        event = self.event
        what = {"alert": self.severity.capitalize(), "alert_ended": "Over", "test": "Test"}[self.kind]
        return f"{what}: {event.rule or 'alert'} on {event.stream_id}"

    def document(self) -> NoticeDocument:
        """For programs."""
        return NoticeDocument(
            type=self.kind,
            id=self.id,
            timestamp=moment(self.event.captured_at_ns),
            title=self.title,
            text=self.event.text,
            data=self.event,
            links=self.links,
        )

    def to_json(self) -> bytes:
        """The document, UTF-8; the same bytes at every try."""
        return self.document().model_dump_json(by_alias=True).encode()

    def words(self) -> str:
        """A few lines for a person."""
        event = self.event
        lines = [event.text or self.title, "", moment(event.captured_at_ns).strftime("%Y-%m-%d %H:%M:%S UTC")]
        if event.duration_s is not None:
            lines.append(f"after {event.duration_s:.0f} s")
        lines += [f"{name}: {url}" for name, url in self.links.items() if "://" in url]
        return "\n".join(lines)


def moment(at_ns: int) -> datetime:
    """A wall clock in nanoseconds as UTC, to the microsecond."""
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).replace(microsecond=at_ns % 1_000_000_000 // 1000)


def links_of(alert_id: str | None, stream_id: str, public_url: str | None) -> dict[str, str]:
    """Where more is to be seen of an alert; paths when nobody said where people reach Livesight."""
    base = public_url or ""
    live = {"live": f"{base}/#/live/{stream_id}"}
    if alert_id is None:
        return live
    alert = f"{base}/v1/alerts/{alert_id}"
    return {"alert": alert, "picture": f"{alert}/picture", "clip": f"{alert}/clip", **live}


def notice_json_schema() -> dict[str, Any]:
    """The published JSON Schema of a notice."""
    schema = NoticeDocument.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": NOTICE_SCHEMA, **schema}
