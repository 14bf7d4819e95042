"""Makes events of a stream: what the events of one frame have in common. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from monitoring.events.track_state import Sighting, Track
from workers.bus.event import Event, Kind, event_id
from workers.bus.result import FrameResult


@dataclass(frozen=True, slots=True)
class EventFactory:
    """The stream, session, node and models that events come from."""

    stream_id: str
    session: str
    node: str | None
    models: dict[str, int]

    @classmethod
    def of(cls, result: FrameResult) -> EventFactory:
        """For events of a result."""
        return cls(result.stream_id, result.session, result.node, result.models)

    def event(self, kind: Kind, pts_us: int, captured_at_ns: int, name: str = "", **fields: Any) -> Event:
        """An event that is not about a track. `name`: the zone, line or rule, part of its id."""
        return Event(
            id=event_id(kind, self.stream_id, self.session, pts_us, fields.get("track_id"), name),
            kind=kind,
            stream_id=self.stream_id,
            session=self.session,
            pts_us=pts_us,
            captured_at_ns=captured_at_ns,
            models=self.models,
            node=self.node,
            **fields,
        )

    def track_event(self, kind: Kind, track: Track, sighting: Sighting, name: str = "", **fields: Any) -> Event:
        """An event about a track, at the frame of `sighting`."""
        about: dict[str, Any] = {
            "track_id": track.id,
            "detector": track.detector,
            "label": track.label,
            "confidence": sighting.confidence,
            "xyxy": sighting.xyxy,
            "size_wh": sighting.size_wh,
            "person": track.person,
            "identity": track.identity,
        }
        return self.event(kind, sighting.pts_us, sighting.captured_at_ns, name, **(about | fields))
