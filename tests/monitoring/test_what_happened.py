"""Events and rules as the monitor runs them: over the bus, by the clock, in its transactions."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi.routing import APIRoute
from sqlalchemy import select

from monitoring.assembly import MonitoringContext
from monitoring.rules.rule import DownCondition, Rule
from monitoring.service import Monitoring
from monitoring.settings import MonitorSettings
from monitoring.store.tables import events
from tests.monitoring.drift.made import START_S, figures
from tests.monitoring.drift.made import result as pictured
from tests.monitoring.happened import message, result
from workers.bus.event import Event
from workers.bus.media import Clip
from workers.bus.message_bus import LocalBus


@contextmanager
def monitoring(settings: MonitorSettings, state_dir: Path) -> Iterator[tuple[LocalBus, Monitoring]]:
    """A monitor at work, in process."""
    local = LocalBus()

    def no_clip(stream_id: str, session: str, from_us: int, to_us: int) -> Clip:
        raise AssertionError("nobody asked for clips")

    running = Monitoring(settings, MonitoringContext(state_dir, "test", local, None, no_clip))
    running.start()
    try:
        while not running.active:
            time.sleep(0.01)
        yield local, running
    finally:
        running.close(10)


def stored(running: Monitoring, *kinds: str) -> list[Event]:
    """What is in the database, in the order in which it was kept."""
    with running.database.read() as connection:
        bodies = connection.scalars(select(events.c.body).where(events.c.kind.in_(kinds)).order_by(events.c.seq))
        return [Event.model_validate_json(body) for body in bodies]


def wait_for(found: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Until it is so."""
    deadline_s = time.monotonic() + timeout_s
    while not found():
        assert time.monotonic() < deadline_s, "not in time"
        time.sleep(0.02)


@contextmanager
def busy(bus: LocalBus) -> Iterator[None]:
    """Another stream, that never stops for long enough to wait for it."""
    done = threading.Event()

    def publish() -> None:
        frame = 0
        while not done.wait(0.005):
            bus.publish(message(result(frame, "busy")))
            frame += 1

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_silent_stream_is_noticed_while_others_are_busy(tmp_path: Path) -> None:
    rule = Rule(name="down", when=DownCondition(for_s=0.5), streams=("gone",), clip=False)
    settings = MonitorSettings(rules=(rule,), gather_s=0.05, tick_s=0.1)
    with monitoring(settings, tmp_path) as (bus, running):
        bus.publish(message(result(0, "gone")))
        with busy(bus):
            wait_for(lambda: bool(stored(running, "alert")))
        assert [(alert.stream_id, alert.reason) for alert in stored(running, "alert")] == [("gone", "silent")]
        bus.publish(message(result(1, "gone")))
        wait_for(lambda: bool(stored(running, "alert_ended")))


def test_a_black_picture_is_an_alert_within_ten_seconds_until_it_is_well_again(tmp_path: Path) -> None:
    """Figures, drift detection, the rule that comes with Livesight, the database."""
    black = {"brightness": 0.06, "contrast": 0.0, "detail": 0.0, "changed": 0.0, "sharpness": 0.0}
    with monitoring(MonitorSettings(gather_s=0.05), tmp_path) as (bus, running):
        at_s = START_S
        for seconds, shown in ((120, {}), (10, black), (30, {})):
            for _ in range(seconds):
                bus.publish(message(pictured(at_s, [], figures(at_s, **shown))))
                at_s += 1
        wait_for(lambda: bool(stored(running, "alert_ended")))
        (alert,) = stored(running, "alert")
        (ended,) = stored(running, "alert_ended")
    assert (alert.rule, alert.reason, alert.severity) == ("camera-fault", "black", "critical")
    assert START_S + 120 < alert.captured_at_ns / 1e9 < START_S + 130
    assert ended.cause == alert.id and ended.captured_at_ns / 1e9 >= START_S + 130


def test_all_routes_lie_below_the_prefixes_that_a_cluster_forwards(tmp_path: Path) -> None:
    with monitoring(MonitorSettings(), tmp_path) as (_, running):
        paths = [route.path for router in running.routers for route in router.routes if isinstance(route, APIRoute)]
    served = {prefix for path in paths for prefix in running.prefixes if re.match(rf"{prefix}([/.]|$)", path)}
    assert served == set(running.prefixes)
    assert not [path for path in paths if not any(re.match(rf"{prefix}([/.]|$)", path) for prefix in running.prefixes)]
