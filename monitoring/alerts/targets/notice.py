"""The message about an alert that a target gets: JSON for programs, text for people. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from monitoring.core.known_people import KnownPeople, mentioned, named, names_of
from workers.bus.event import Event

NOTICE_SCHEMA = "livesight.alert/1"

NoticeKind = Literal["alert", "alert_ended", "test"]


class NoticeDocument(BaseModel):
    """The JSON that webhooks and MQTT subscribers get."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, populate_by_name=True)

    schema_: Literal["livesight.alert/1"] = Field(default="livesight.alert/1", alias="schema")
    type: NoticeKind
    id: str = Field(description="The same at every try.")
    timestamp: datetime = Field(description="When it happened.")
    title: str
    text: str | None = Field(description="What happened, in words for people.")
    data: Event
    links: dict[str, str] = Field(description="alert, picture, clip, live; paths where no public_url is set.")
    names: dict[str, str] = Field(default={}, description="Id → name of those it is about, as they are called now.")


@dataclass(frozen=True, slots=True)
class Notice:
    """One message. `id` is the same at every try, so that a target that gets it twice can recognise it.

    links: URLs of the alert, its image and clip, by name; absolute when `public_url` is set.
    image: the alert's image as a JPEG, with the boxes of its frame, when there is one. names: of those it is about, as
    `told` finds them; whoever is erased between two tries is not named in the second.
    """

    id: str
    kind: NoticeKind
    event: Event
    links: dict[str, str]
    image: bytes | None = None
    names: dict[str, str] = field(default_factory=dict)

    def told(self, people: KnownPeople) -> Notice:
        """The same, with names in place of ids in the text."""
        text = self.event.text
        if text is None or not (ids := {self.event.person, *mentioned(text)} - {None}):
            return self
        event = self.event.model_copy(update={"text": named(text, people)})
        return replace(self, event=event, names=names_of(people, ids))

    @property
    def severity(self) -> str:
        """Of the alert."""
        return self.event.severity or "info"

    @property
    def title(self) -> str:
        """One line."""
        event = self.event
        prefix = {"alert": self.severity.capitalize(), "alert_ended": "Over", "test": "Test"}[self.kind]
        return f"{prefix}: {event.rule or 'alert'} on {event.stream_id}"

    def document(self) -> NoticeDocument:
        """For programs."""
        return NoticeDocument(
            type=self.kind,
            id=self.id,
            timestamp=utc_datetime(self.event.captured_at_ns),
            title=self.title,
            text=self.event.text,
            data=self.event,
            links=self.links,
            names=self.names,
        )

    def to_json(self) -> bytes:
        """The document, UTF-8; the same bytes at every try, while nobody's name changes."""
        return self.document().model_dump_json(by_alias=True).encode()

    def words(self) -> str:
        """A few lines for people."""
        event = self.event
        lines = [event.text or self.title, "", utc_datetime(event.captured_at_ns).strftime("%Y-%m-%d %H:%M:%S UTC")]
        if event.duration_s is not None:
            lines.append(f"after {event.duration_s:.0f} s")
        lines += [f"{name}: {url}" for name, url in self.links.items() if "://" in url]
        return "\n".join(lines)


def utc_datetime(at_ns: int) -> datetime:
    """A wall clock in nanoseconds as UTC, to the microsecond."""
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).replace(microsecond=at_ns % 1_000_000_000 // 1000)


def alert_links(
    alert_id: str | None, stream_id: str, public_url: str | None, sign: Callable[[str], str] | None = None
) -> dict[str, str]:
    """URLs for more about an alert: paths when `public_url` is None. `sign` makes picture and clip open for anybody."""
    base = public_url or ""
    live = {"live": f"{base}/#/live/{stream_id}"}
    if alert_id is None:
        return live
    alert = f"/v1/alerts/{alert_id}"
    files = {"picture": f"{alert}/picture?overlay=1", "clip": f"{alert}/clip"}
    if sign is not None and public_url is not None:
        files = {name: sign(path) for name, path in files.items()}
    return {"alert": base + alert, **{name: base + path for name, path in files.items()}, **live}


def notice_json_schema() -> dict[str, Any]:
    """The published JSON Schema of a notice."""
    schema = NoticeDocument.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": NOTICE_SCHEMA, **schema}
