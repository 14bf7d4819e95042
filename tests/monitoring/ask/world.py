"""A month of a shop that never was: what happened there, written down, so that every answer is known. Pure.

It is Wednesday, 25 November 2026, half past three in Berlin. Four cameras have watched since 24 October, a day before
the clocks went back. Cameras fail at times that are written here; Livesight was restarted once.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from monitoring.events.zone import Line, Scene, Zone
from workers.bus.event import Event, event_id

TZ = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 10, 24, tzinfo=TZ)
NOW = datetime(2026, 11, 25, 15, 30, tzinfo=TZ)

CAMERAS = ("entrance", "shop-floor", "warehouse", "car-park")
ZONES = {
    "entrance": ("door",),
    "shop-floor": ("till 1", "till 2"),
    "warehouse": ("loading bay",),
    "car-park": ("gate",),
}
LINES = {"entrance": "doorway", "car-park": "barrier"}
MASKS = ("with_mask", "with_mask", "with_mask", "without_mask", "mask_weared_incorrect")
LABELS = {
    "entrance": MASKS,
    "shop-floor": MASKS,
    "warehouse": ("person", "person", "forklift"),
    "car-park": ("car", "car", "car", "truck", "bicycle"),
}
PEOPLE_LABELS = ("with_mask", "without_mask", "mask_weared_incorrect", "person")
ANNA_K, ANNA_S, BEN, CHIDI, DORA = (f"01KPERSON{number:017}" for number in range(1, 6))
PEOPLE = {
    ANNA_K: ("Anna Keller", ("staff",)),
    ANNA_S: ("Anna Schmidt", ("visitors",)),
    BEN: ("Ben Ortiz", ("staff",)),
    CHIDI: ("Chidi Okafor", ("staff",)),
    DORA: ("Dora Lindqvist", ("visitors",)),
}
RULES = {"no-mask": "warning", "too-long": "info", "gate blocked": "critical"}


def local(text: str) -> datetime:
    """`2026-11-24 09:00`, in Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=TZ)


@dataclass(frozen=True)
class Outage:
    """A camera was not there. reason: what its node said."""

    camera: str
    down: datetime
    up: datetime
    reason: str = "the camera does not answer"


OUTAGES = (
    Outage("car-park", local("2026-11-10 03:00"), local("2026-11-10 03:20")),
    Outage("car-park", local("2026-11-17 12:00"), local("2026-11-17 12:05")),
    Outage("warehouse", local("2026-11-21 23:50"), local("2026-11-23 05:00")),
    *(Outage(name, local("2026-11-23 06:10"), local("2026-11-23 06:12"), "shutdown") for name in CAMERAS),
    Outage("entrance", local("2026-11-24 14:02"), local("2026-11-24 14:31")),
)
RESTARTED = local("2026-11-23 06:12")


@dataclass(frozen=True)
class Visit:
    """Somebody in a zone, from one moment to another; None: still."""

    zone: str
    entered: datetime
    left: datetime | None


@dataclass(frozen=True)
class Passing:
    """One track. `relabelled`: what it was called later, and when; `crossed`: direction and when.

    `ended`: None while it is in view.
    """

    camera: str
    number: int
    label: str
    came: datetime
    ended: datetime | None
    person: str | None = None
    relabelled: tuple[str, datetime] | None = None
    visit: Visit | None = None
    crossed: tuple[str, datetime] | None = None
    alert: tuple[str, datetime] | None = None
    confidence: float = 0.8

    @property
    def labels(self) -> set[str]:
        """All that it was called."""
        return {self.label} | ({self.relabelled[0]} if self.relabelled else set())

    def label_at(self, moment: datetime) -> str:
        """What it was called then."""
        return self.relabelled[0] if self.relabelled and self.relabelled[1] <= moment else self.label


def after(moment: datetime, seconds: float) -> datetime:
    """So much later by the clock that never leaps; to the millisecond."""
    return (moment.astimezone(ZoneInfo("UTC")) + timedelta(milliseconds=round(seconds * 1000))).astimezone(TZ)


@functools.cache
def month() -> tuple[Passing, ...]:
    """All tracks, in the order of their beginning."""
    dice, found, number = random.Random(20), [], 0
    day = BEGIN
    while day < NOW:
        busy = 0.4 if day.weekday() == 6 else 1.0
        for camera in CAMERAS:
            for _ in range(round(dice.randint(5, 11) * busy)):
                hour = dice.choice((7, 8, 9, 9, 9, 10, 11, 12, 13, 14, 14, 15, 16, 17, 18, 20, 23, 2))
                came = after(day, hour * 3600 + dice.uniform(0, 3600))
                number += 1
                passing = _passing(dice, camera, number, came)
                if passing.ended is not None and passing.ended < NOW and not _away(passing):
                    found.append(passing)
        day = (day + timedelta(days=1)).replace(hour=0)
    here = (
        Passing(
            "shop-floor",
            9001,
            "with_mask",
            local("2026-11-25 15:20"),
            None,
            BEN,
            visit=Visit("till 2", local("2026-11-25 15:28"), None),
        ),
        Passing("shop-floor", 9002, "without_mask", local("2026-11-25 15:25"), None),
        Passing("car-park", 9003, "truck", local("2026-11-25 15:05"), None),
    )
    return tuple(sorted((*found, *here), key=lambda one: one.came))


def _passing(dice: random.Random, camera: str, number: int, came: datetime) -> Passing:
    lasts_s = dice.uniform(8, 240) if dice.random() < 0.9 else dice.uniform(300, 900)
    label = dice.choice(LABELS[camera])
    walks = camera != "car-park" and label != "forklift"
    person = dice.choice((ANNA_K, ANNA_K, ANNA_S, BEN, BEN, CHIDI, DORA)) if walks and dice.random() < 0.3 else None
    relabelled = visit = crossed = alert = None
    if label in MASKS and dice.random() < 0.15:
        relabelled = dice.choice([one for one in MASKS if one != label]), after(came, lasts_s * 0.3)
    if dice.random() < 0.5:
        entered = after(came, lasts_s * 0.2)
        visit = Visit(dice.choice(ZONES[camera]), entered, after(entered, lasts_s * 0.6))
    if camera in LINES and dice.random() < 0.7:
        crossed = dice.choice(("in", "out")), after(came, lasts_s * 0.5)
    if label == "without_mask" and dice.random() < 0.4:
        alert = "no-mask", after(came, lasts_s * 0.4)
    elif visit and visit.zone == "till 1" and lasts_s > 150:
        alert = "too-long", after(came, lasts_s * 0.75)
    elif label == "truck" and visit and dice.random() < 0.3:
        alert = "gate blocked", after(came, lasts_s * 0.7)
    sure = round(dice.uniform(0.5, 0.99), 2)
    return Passing(camera, number, label, came, after(came, lasts_s), person, relabelled, visit, crossed, alert, sure)


def _away(passing: Passing) -> bool:
    """Whether the camera was not there to see all of it."""
    assert passing.ended is not None
    return any(one.camera == passing.camera and one.down <= passing.ended and one.up >= passing.came for one in OUTAGES)


def events() -> list[Event]:
    """What the monitor would have stored, in the order of time."""
    found = [event for passing in month() for event in _events_of(passing)]
    for camera in CAMERAS:
        found.append(_event("stream_up", camera, BEGIN))
    for outage in OUTAGES:
        found.append(_event("stream_down", outage.camera, outage.down, reason=outage.reason))
        found.append(_event("stream_up", outage.camera, outage.up))
    return sorted(found, key=lambda event: event.captured_at_ns)


def _events_of(one: Passing) -> Iterator[Event]:
    about = {"track_id": one.number, "person": one.person, "confidence": one.confidence, "detector": "mask"}

    def event(kind: str, at: datetime, **fields: object) -> Event:
        return _event(kind, one.camera, at, label=one.label_at(at), **about, **fields)

    yield event("track_began", one.came)
    if one.relabelled:
        yield event("label_changed", one.relabelled[1], before=one.label)
    if one.visit:
        yield event("zone_entered", one.visit.entered, zone=one.visit.zone)
        if one.visit.left:
            stay_s = round((one.visit.left - one.visit.entered).total_seconds(), 3)
            yield event("zone_left", one.visit.left, zone=one.visit.zone, duration_s=stay_s)
    if one.crossed:
        yield event("line_crossed", one.crossed[1], line=LINES[one.camera], direction=one.crossed[0])
    if one.alert:
        rule = one.alert[0]
        zone = None if rule == "no-mask" else one.visit.zone if one.visit else None
        yield event("alert", one.alert[1], rule=rule, severity=RULES[rule], zone=zone, text=f"Rule {rule}")
    if one.ended:
        yield event(
            "track_ended", one.ended, duration_s=round((one.ended - one.came).total_seconds(), 3), reason="gone"
        )


def ns(moment: datetime) -> int:
    """Nanoseconds since 1970, of a moment to the millisecond."""
    return round(moment.timestamp() * 1000) * 1_000_000


def _event(kind: str, camera: str, at: datetime, **fields: object) -> Event:
    session = f"01K{camera.upper().replace('-', ''):0<23}"
    pts_us = (ns(at) - ns(BEGIN)) // 1000
    who = event_id(kind, camera, session, pts_us, fields.get("track_id"))  # type: ignore[arg-type]
    return Event(
        id=who, kind=kind, stream_id=camera, session=session, pts_us=pts_us, captured_at_ns=ns(at), **fields  # type: ignore[arg-type]
    )  # fmt: skip


def scenes() -> list[Scene]:
    """The zones and lines."""
    polygon = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
    return [
        Scene(
            stream_id=camera,
            zones=tuple(Zone(name=name, polygon=polygon) for name in ZONES[camera]),
            lines=(Line(name=LINES[camera], start=(0, 0), end=(1, 1)),) if camera in LINES else (),
        )
        for camera in CAMERAS
    ]
