"""A whole monitor that has seen two cameras, and a client for each who may see one, both, or change one.

Both cameras saw the same: a track with snapshots, an alert with its clip, drift reports, an outage.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.http import error_responses as problems
from monitoring.assembly import MonitoringContext
from monitoring.rules.rule import Rule, SeenCondition
from monitoring.service import Monitoring
from monitoring.settings import MonitorSettings
from tests.monitoring.drift.made import START_S, box, figures, result
from tests.monitoring.happened import happened, message
from tests.monitoring.who import admit
from tests.peers.ports import free_port
from workers.access.principal import Grant, Principal
from workers.bus.media import Clip, Snapshot
from workers.bus.message_bus import SNAPSHOTS, LocalBus, Message
from workers.bus.result import Identity

SEEN, HIDDEN = "lobby", "vault"
RESULTS = 130  # enough for drift reports
WHO = {SEEN: "Lola", HIDDEN: f"Valentin of the {HIDDEN}"}
"""Who stands before each camera."""
PRINCIPALS = {
    "admin": Principal("user:ada", "user", (Grant("admin"),)),
    "viewer": Principal("user:vic", "user", (Grant("viewer", (SEEN,)),)),
    "pattern": Principal("user:pat", "user", (Grant("viewer", ("lob*",)),)),
    "reviewer": Principal("user:rob", "user", (Grant("reviewer", (SEEN,)),)),
    "both": Principal("user:bo", "user", (Grant("reviewer", (SEEN,)), Grant("viewer", (HIDDEN,)))),
    "teller": Principal(
        "user:tea", "user", (Grant("reviewer", ("*",), frozenset({"people"})), Grant("viewer", (SEEN,)))
    ),
    "operator": Principal("user:ole", "user", (Grant("operator", (SEEN,)),)),
    "namer": Principal("user:nan", "user", (Grant("reviewer"),)),
    "unseeing": Principal("user:una", "user", (Grant("reviewer", ("*",), frozenset({"events", "people"})),)),
    "texts": Principal("user:tex", "user", (Grant("viewer", ("*",), frozenset({"events"})),)),
}


class Shop:
    """`get` and `ask` speak to the routes as one of PRINCIPALS, in process."""

    def __init__(self, running: Monitoring, bus: LocalBus) -> None:
        self.running = running
        self.bus = bus
        self.people: dict[str, str] = {}
        self.app = admit(FastAPI(), PRINCIPALS)
        problems.install(self.app)
        for router in running.routers:
            self.app.include_router(router)

    @property
    def paths(self) -> set[str]:
        """Of all routes that read."""
        routes = (route for router in self.running.routers for route in router.routes if isinstance(route, APIRoute))
        return {route.path for route in routes if "GET" in route.methods}

    def client(self, who: str) -> httpx.AsyncClient:
        """Sends that principal's key with each request."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers={"x-api-key": who})

    def ask(self, who: str, method: str, path: str, **given: Any) -> httpx.Response:
        """The answer to one request."""

        async def ask() -> httpx.Response:
            async with self.client(who) as client:
                return await client.request(method, path, **given)

        return asyncio.run(ask())

    def get(self, who: str, path: str, **given: Any) -> httpx.Response:
        """The answer to one GET."""
        return self.ask(who, "GET", path, **given)

    def ids(self, stream_id: str) -> dict[str, Any]:
        """What stands for a stream in paths, as an admin finds it: its event, alert, snapshot and clip."""
        events = self.get("admin", f"/v1/events?stream={stream_id}&kind=track_began").json()["events"]
        alerts = self.get("admin", f"/v1/alerts?stream={stream_id}&rule=anybody").json()["alerts"]
        return {
            "event_id": events[0]["id"],
            "alert_id": alerts[0]["id"],
            "snapshot": alerts[0]["snapshot_url"],
            "clip": alerts[0]["clip_url"],
        }


def cut(stream_id: str, session: str, from_us: int, to_us: int) -> Clip:
    """As a node would."""
    results = b'{"stream_id": "%s"}\n' % stream_id.encode()
    return Clip(f"a clip of {stream_id}".encode(), "video/mp4", 0, 10**12, results)


@contextmanager
def open_shop(url: str, folder: Path) -> Iterator[Shop]:
    """The monitor at work; everything has happened. Its one target for alerts does not answer."""
    settings = MonitorSettings.model_validate(
        {
            "database_url": url,
            "gather_s": 0.05,
            "retention": {"rules": [{"streams": [HIDDEN], "kinds": ["clips"], "days": 20}]},
            "alerts": {
                "clip_before_s": 0,
                "clip_after_s": 0,
                "targets": [{"name": "ops", "type": "webhook", "url": f"http://127.0.0.1:{free_port()}/secret-hook"}],
            },
        }
    )
    bus = LocalBus()
    running = Monitoring(settings, MonitoringContext(folder, "test", bus, None, cut))
    running.start()
    shop = Shop(running, bus)
    try:
        until(lambda: running.active)
        arrange(shop)
        for stream_id in (SEEN, HIDDEN):
            happen(bus, stream_id, shop.people[stream_id])
        until(partial(_all_there, shop))
        yield shop
    finally:
        running.close(10)


def arrange(shop: Shop) -> None:
    """A zone on each camera; a rule for all, one for each and one for both; somebody who is known before each."""
    for stream_id, name in WHO.items():
        answer = shop.ask("admin", "POST", "/v1/people", json={"name": name})
        assert answer.status_code == 201, answer.text
        shop.people[stream_id] = answer.json()["id"]
    for stream_id in (SEEN, HIDDEN):
        zone = {"name": f"door-of-{stream_id}", "polygon": [[0, 0], [1, 0], [1, 1]]}
        assert shop.ask("admin", "PUT", f"/v1/zones/{stream_id}", json={"zones": [zone]}).status_code == 201
    rules = {"anybody": (), "near": (SEEN,), "far": (HIDDEN,), "shared": (SEEN, HIDDEN)}
    for name, streams in rules.items():
        rule = Rule(name=name, when=SeenCondition(), streams=streams, cooldown_s=3600, clip=name == "anybody")
        body = rule.model_dump(mode="json", exclude={"name"})
        assert shop.ask("admin", "PUT", f"/v1/rules/{name}", json=body).status_code == 201


def happen(bus: LocalBus, stream_id: str, person: str) -> None:
    """Somebody stands before the camera for two minutes; it goes down and comes up again."""
    who = Identity(person=person, similarity=0.7, threshold=0.5)
    session = f"01JD{stream_id.upper():0<22}"
    ago_s = int(time.time()) - 600 - START_S
    for number in range(RESULTS):
        at_s = START_S + number
        seen = [box(1 + number // 10, identity=who)]
        shown = result(at_s, seen, figures(at_s), session=session, stream_id=stream_id)
        bus.publish(message(shown.model_copy(update={"captured_at_ns": round((at_s + ago_s) * 1e9)})))
    end_ns = round((START_S + RESULTS + ago_s) * 1e9)
    for number, kind in ((1, "stream_down"), (60, "stream_up")):
        event = happened(number, kind, stream_id, session=session, captured_at_ns=end_ns + number * 10**9)  # type: ignore[arg-type]
        bus.publish(message(event))
    for view in ("crop", "picture"):
        told = Snapshot(
            view=view,  # type: ignore[arg-type]
            session=session,
            track=1,
            pts_us=1_000_000,
            captured_at_ns=end_ns,
            detector="mask",
            label="without_mask",
            confidence=0.9,
            quality=9.0,
            box="1,2,3,4",
            region="0,0,9,9",
            size="640,360",
            node="test",
        )
        bus.publish(Message(SNAPSHOTS, stream_id, b"\xff\xd8" + stream_id.encode(), told.headers(), 0.0))


def until(found: Callable[[], Any], timeout_s: float = 60.0) -> None:
    """Until it is so."""
    deadline_s = time.monotonic() + timeout_s
    while not found():
        assert time.monotonic() < deadline_s, "not in time"
        time.sleep(0.02)


def _all_there(shop: Shop) -> bool:
    """Whether both cameras have all that happened."""
    for stream_id in (SEEN, HIDDEN):
        alerts = shop.get("admin", f"/v1/alerts?stream={stream_id}&rule=anybody").json()["alerts"]
        if not alerts or alerts[0]["clip_url"] is None or alerts[0]["snapshot_url"] is None:
            return False
        if stream_id == SEEN and alerts[0]["deliveries"][0]["error"] is None:  # the first in the target's queue
            return False
        if not shop.get("admin", f"/v1/events?stream={stream_id}&kind=stream_up").json()["events"]:
            return False
        if len(shop.get("admin", f"/v1/drift?stream={stream_id}").json()["reports"]) < 2:
            return False
    return True
