"""Alerts as a part of monitoring: written with the events, told by a thread of their own, `alerts`, with an event loop.

`write` and `committed` are called on the monitor's thread, `test` on any event loop, the rest on any thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection

from monitoring.alerts import metrics
from monitoring.alerts.alert_clips import ClipKeeper, ClipShelf
from monitoring.alerts.alert_store import AlertBook, RuleOf, record
from monitoring.alerts.blocking_calls import DATABASE, aside, wait_for
from monitoring.alerts.deliveries import Deliveries
from monitoring.alerts.dispatcher import Access, Dispatcher, TargetQueue, troubles
from monitoring.alerts.errors import TargetFailed, TargetUnknown
from monitoring.alerts.settings import SEVERITIES, AlertSettings, AppriseTarget, MqttTarget, TargetSettings
from monitoring.alerts.targets.target import AlertTarget
from monitoring.core.errors import StoreUnavailable
from monitoring.core.ports import Outgoing
from monitoring.store.media import of_tracks
from workers.bus.event import Event, event_id
from workers.kafka.background_call import ABANDONED

log = structlog.get_logger(__name__)

T = TypeVar("T")

_COUNT_S = 5.0
_RESOLVERS = 4
_GRACE = 0.6
"""Of the time to close: for what is being told."""


class Alerts:
    """A CommitHook and a BackgroundService (monitoring/core/ports.py), and what the routes need."""

    def __init__(self, settings: AlertSettings, shelf: ClipShelf, rule_of: RuleOf, node: str) -> None:
        """node: this process's name, which test messages carry."""
        self.settings = settings
        self.book = AlertBook(shelf.database)
        self.deliveries = Deliveries(shelf.database)
        self._shelf = shelf
        self._node = node
        self._rule_of = rule_of
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._dispatcher: Dispatcher | None = None
        self._clips: ClipKeeper | None = None
        self._running = threading.Event()
        self._failed: str | None = None

    # as a CommitHook

    def write(self, connection: Connection, events: Sequence[Event]) -> Sequence[Outgoing]:
        """See CommitHook: alerts and whom to tell, in the transaction that stores the events."""
        record(connection, events, self._rule_of, self.settings.targets)
        return ()

    def committed(self, events: Sequence[Event]) -> None:
        """See CommitHook."""
        raised = [event for event in events if event.kind == "alert"]
        for event in raised:
            metrics.ALERTS.labels(event.rule or "", event.severity or "info").inc()
            log.warning("alert", rule=event.rule, stream=event.stream_id, severity=event.severity, text=event.text)
        if raised or any(event.kind == "alert_ended" for event in events):
            self.wake()

    # as a BackgroundService

    def start(self) -> None:
        """See BackgroundService."""
        self._thread = threading.Thread(target=self._serve, name="alerts", daemon=True)
        self._thread.start()
        self._running.wait()

    def problems(self) -> list[str]:
        """See BackgroundService."""
        found = [self._failed] if self._failed else []
        return found + troubles(self.lanes())

    def close(self, timeout_s: float) -> None:
        """See BackgroundService. What was not told is told after the next start."""
        if self._loop is None or self._thread is None:
            return
        deadline_s = time.monotonic() + timeout_s
        end = self._stop(timeout_s * _GRACE)
        try:
            asyncio.run_coroutine_threadsafe(end, self._loop)
        except RuntimeError:  # it has ended
            end.close()
        self._thread.join(timeout_s)
        wait_for(DATABASE, deadline_s - time.monotonic())

    # for the routes

    def wake(self) -> None:
        """There may be something to tell, or to cut."""
        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._look)
            except RuntimeError:  # it has ended
                return

    def lanes(self) -> list[TargetQueue]:
        """The targets and how they do; none before `start`."""
        return [] if self._dispatcher is None else list(self._dispatcher.lanes.values())

    async def test(self, name: str) -> float:
        """Tell a target that this is a test; the seconds it took. Raises TargetUnknown, TargetFailed."""
        if all(target.name != name for target in self.settings.targets):
            raise TargetUnknown(f"there is no target {name}")
        if self._dispatcher is None or self._loop is None:
            raise TargetFailed("alerts are not running")
        return await self._there(self._dispatcher.test(name, _test_event(self._node)))

    def picture_of(self, event: Event) -> Path | None:
        """The best picture of the track that an alert is about: the whole, else the crop. Blocks."""
        if event.track_id is None:
            return None
        with self._shelf.database.read() as connection:
            rows = {row["kind"]: row for row in of_tracks(connection, {(event.session, event.track_id)})}
        row = rows.get("picture") or rows.get("crop")
        return None if row is None else self._shelf.media.path(row)

    # on the thread `alerts`

    def _serve(self) -> None:
        """Not asyncio.run, which at its end waits for the loop's executor, and so for names that nobody resolves."""
        self._loop = loop = asyncio.new_event_loop()
        loop.set_default_executor(ThreadPoolExecutor(_RESOLVERS, thread_name_prefix=f"{ABANDONED}alerts"))
        try:
            loop.run_until_complete(self._run())
            loop.run_until_complete(loop.shutdown_asyncgens())
        except Exception as error:
            self._failed = f"alerts are not told: {type(error).__name__}"
            log.exception("alerts_failed")
        finally:
            self._running.set()
            loop.close()

    async def _run(self) -> None:
        targets = {one.name: make_target(one) for one in self.settings.targets}
        access = Access(self.picture_of, self._shelf.active)
        self._dispatcher = Dispatcher(self.settings, targets, self.deliveries, access)
        self._clips = ClipKeeper(self.settings, self.book, self._shelf)
        self._main = asyncio.create_task(self._both(self._dispatcher, self._clips))
        self._running.set()
        try:
            await self._main
        except asyncio.CancelledError:
            if not self._main.cancelled():
                raise

    async def _stop(self, grace_s: float) -> None:
        """Let what is being told arrive, so that it is not told twice; then end."""
        if self._dispatcher is not None and self._main is not None:
            await self._dispatcher.drain(grace_s)
            self._main.cancel()

    async def _both(self, dispatcher: Dispatcher, clips: ClipKeeper) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(dispatcher.run())
            tasks.create_task(clips.run())
            tasks.create_task(self._count_open())

    async def _count_open(self) -> None:
        while True:
            try:
                found = await aside(DATABASE, self.book.open_counts) if self._shelf.active() else {}
            except StoreUnavailable:
                found = {}
            for severity in SEVERITIES:
                metrics.OPEN.labels(severity).set(found.get(severity, 0))
            await asyncio.sleep(_COUNT_S)

    def _look(self) -> None:
        if self._dispatcher is not None and self._clips is not None:
            self._dispatcher.wake()
            self._clips.wake()

    async def _there(self, call: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine on our loop, awaited on the caller's."""
        assert self._loop is not None
        try:
            waiting = asyncio.run_coroutine_threadsafe(call, self._loop)
        except RuntimeError as error:
            call.close()
            raise TargetFailed("alerts are not running") from error
        return await asyncio.wrap_future(waiting)


def make_target(settings: TargetSettings) -> AlertTarget:
    """A target as configured. What it needs is imported only now."""
    if isinstance(settings, MqttTarget):
        from monitoring.alerts.targets.mqtt import Mqtt

        return Mqtt(settings)
    if isinstance(settings, AppriseTarget):
        from monitoring.alerts.targets.apprise_target import AppriseService

        return AppriseService(settings)
    from monitoring.alerts.targets.webhook import Webhook

    return Webhook(settings)


def _test_event(node: str) -> Event:
    now_ns = time.time_ns()
    return Event(
        id=event_id("alert", "test", node, now_ns // 1000, rule="test"),
        kind="alert",
        stream_id="test",
        session="test",
        pts_us=0,
        captured_at_ns=now_ns,
        rule="test",
        severity="info",
        text="This is a test: alerts of Livesight arrive here.",
        node=node,
    )
