"""A month of a street and of shops, for benches: what makes pages of tracks hard to find. Pure.

One camera sees two tracks of five in one session that lasts all month, another saw three tracks, long ago; there is a
label of a handful of tracks, one that no longer occurs, a zone of one camera's first week, and labels and zones that
never meet. Tracks begin, change their label, enter and leave zones, cross lines, raise alerts, end with paths of 24
points.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from events import BEGIN_NS, DAY_NS, END_NS, PATH

from workers.bus.event import EVENT_SCHEMA, Event, event_id

STREET, CLOSET = "street", "closet"
SHOPS = tuple(f"shop{number:02}" for number in range(1, 39))
IN_STREET = ("person", "person", "person", "car", "car", "bicycle")
IN_SHOPS = ("with_mask", "with_mask", "with_mask", "with_mask", "without_mask", "mask_weared_incorrect")
ZONES = ("entrance", "till", "exit")
A_TRACK = 3.6
"""Events of a track, on average."""
_BATCH = 250
_CLOSET_NUMBERS = (1000, 2000, 3000)


class TrackMaker:
    """Makes tracks, each event in its turn. Not validated: that is the handlers' cost, not the store's."""

    def __init__(self) -> None:
        self.dice = random.Random(7)
        self.tracks = 0

    def track(self, began_ns: int) -> list[Event]:
        """All events of one."""
        dice, number = self.dice, self.tracks
        self.tracks += 1
        stream_id = CLOSET if number in _CLOSET_NUMBERS else STREET if dice.random() < 0.4 else dice.choice(SHOPS)
        day = (began_ns - BEGIN_NS) // DAY_NS
        about = {
            "stream_id": stream_id,
            "session": f"01JD{stream_id.upper()}{0 if stream_id == STREET else day:017}",
            "track_id": number,
        }
        if stream_id != STREET and dice.random() < 0.02:
            about["person"] = f"01JDPERSON{dice.randrange(200):016}"
        labels = IN_STREET if stream_id == STREET else IN_SHOPS
        label, lasts_s = self._label(labels, stream_id, day), round(dice.expovariate(1 / 20) + 1, 2)
        found = [self._event("track_began", about, (began_ns, 0.0), label=label)]
        if dice.random() < 0.25:
            found.append(self._event("label_changed", about, (began_ns, lasts_s * 0.3), label=dice.choice(labels)))
        if dice.random() < 0.5:
            zone = self._zone(stream_id, day)
            found.append(self._event("zone_entered", about, (began_ns, lasts_s * 0.2), zone=zone))
            found.append(self._event("zone_left", about, (began_ns, lasts_s * 0.7), zone=zone, duration_s=lasts_s / 2))
        if dice.random() < 0.33:
            direction = dice.choice(("in", "out"))
            found.append(self._event("line_crossed", about, (began_ns, lasts_s / 2), line="door", direction=direction))
        if number % 125 == 0:
            rule = "seldom" if number % 90_000 == 0 else "no-mask"
            found.append(self._event("alert", about, (began_ns, lasts_s * 0.6), rule=rule, severity="warning"))
        ended = {"duration_s": lasts_s, "path": PATH, "reason": "gone"}
        found.append(self._event("track_ended", about, (began_ns, lasts_s), **ended))
        return found

    def _label(self, labels: tuple[str, ...], stream_id: str, day: int) -> str:
        if self.tracks % 50_000 == 0:
            return "wheelchair"
        if day < 3 and stream_id != STREET and self.dice.random() < 0.3:
            return "mask"
        return self.dice.choice(labels)

    def _zone(self, stream_id: str, day: int) -> str:
        if stream_id == STREET:
            return "kerb"
        return "vault" if stream_id == "shop05" and day < 7 else self.dice.choice(ZONES)

    def _event(self, kind: Any, about: dict[str, Any], at: tuple[int, float], **fields: Any) -> Event:
        began_ns, after_s = at
        pts_us = (began_ns - BEGIN_NS) // 1000 + round(after_s * 1e6)
        return Event.model_construct(
            schema_=EVENT_SCHEMA,
            id=event_id(kind, about["stream_id"], about["session"], pts_us, about["track_id"]),
            kind=kind,
            pts_us=pts_us,
            captured_at_ns=began_ns + round(after_s * 1e9),
            detector="mask",
            confidence=round(self.dice.betavariate(8, 2), 3),
            xyxy=(412.0, 96.5, 530.2, 251.0),
            size_wh=(1280, 720),
            models={"mask": 3},
            node="host-1",
            **about,
            **fields,
        )


def month(maker: TrackMaker, count: int) -> Iterator[list[Event]]:
    """About `count` events in batches, tracks in the order of their beginning."""
    wanted = round(count / A_TRACK)
    step_ns = (END_NS - BEGIN_NS) // wanted
    for first in range(0, wanted, _BATCH):
        numbers = range(first, min(first + _BATCH, wanted))
        yield [event for number in numbers for event in maker.track(BEGIN_NS + number * step_ns)]


def images(batch: list[Event]) -> list[dict[str, Any]]:
    """The rows of two images a track."""
    return [
        {
            "kind": kind,
            "stream_id": event.stream_id,
            "session": event.session,
            "track_id": event.track_id,
            "pts_us": event.pts_us,
            "captured_at_ns": event.captured_at_ns,
            "media_type": "image/jpeg",
            "path": f"2026-10-01/{event.id}-{kind}.jpg",
            "bytes": 20_000,
        }
        for event in batch
        if event.kind == "track_began"
        for kind in ("crop", "picture")
    ]
