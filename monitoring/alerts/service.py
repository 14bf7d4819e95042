"""Alerts as a part of monitoring: stored with the events, delivered by an event loop on the thread `alerts`.

`write` and `committed` are called on the monitor's thread, `test` on any event loop, the rest on any thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection

from monitoring.alerts import metrics
from monitoring.alerts.alert_clips import AlertClips, AlertResources
from monitoring.alerts.alert_store import AlertStore
from monitoring.alerts.alert_writer import RuleOf, write_alerts
from monitoring.alerts.blocking_calls import DATABASE, join_calls, run_blocking
from monitoring.alerts.deliveries import Deliveries
from monitoring.alerts.dispatcher import Dispatcher
from monitoring.alerts.errors import TargetFailed, TargetUnknown
from monitoring.alerts.settings import AlertSettings
from monitoring.alerts.target_queue import TargetQueue
from monitoring.alerts.targets.settings import SEVERITIES
from monitoring.core.contracts import Outgoing
from monitoring.store.media import of_tracks
from monitoring.store.settings import CLIPS
from workers.bus.event import Event, event_id
from workers.errors import DatabaseUnavailable
from workers.kafka.background_call import ABANDONED

log = structlog.get_logger(__name__)

T = TypeVar("T")

_COUNT_S = 5.0
_RESOLVER_THREADS = 4
_DRAIN_SHARE = 0.6
"""Of the time to close: for messages that are being sent."""


class Alerts:
    """A CommitHook and a BackgroundService (monitoring/core/contracts.py), and what the routes need."""

    def __init__(self, settings: AlertSettings, resources: AlertResources, rule_of: RuleOf, node: str) -> None:
        """node: this process's name, which test messages carry."""
        self.settings = settings
        self.store = AlertStore(resources.database)
        self.deliveries = Deliveries(resources.database)
        self._resources = resources
        self._rule_of = rule_of
        self._node = node
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._dispatcher: Dispatcher | None = None
        self._clips: AlertClips | None = None
        self._running = threading.Event()
        self._failed: str | None = None

    # as a CommitHook

    def write(self, connection: Connection, events: Sequence[Event]) -> Sequence[Outgoing]:
        """See CommitHook: alerts and their deliveries, in the transaction that stores the events."""
        write_alerts(connection, events, self._rule_of, self.settings.targets, self._stores_clips)
        return ()

    def committed(self, events: Sequence[Event]) -> None:
        """See CommitHook."""
        raised = [event for event in events if event.kind == "alert"]
        for event in raised:
            metrics.ALERTS.labels(event.rule or "", event.severity or "info").inc()
            log.warning("alert", rule=event.rule, stream=event.stream_id, severity=event.severity, text=event.text)
        if raised or any(event.kind == "alert_ended" for event in events):
            self.wake()

    def _stores_clips(self, stream_id: str) -> bool:
        return self._resources.policy.stores(CLIPS, stream_id)

    # as a BackgroundService

    def start(self) -> None:
        """See BackgroundService."""
        self._thread = threading.Thread(target=self._run_loop, name="alerts", daemon=True)
        self._thread.start()
        self._running.wait()

    def problems(self) -> list[str]:
        """See BackgroundService."""
        found = [self._failed] if self._failed else []
        return [*found, *(problem for queue in self.queues() for problem in queue.problems())]

    def close(self, timeout_s: float) -> None:
        """See BackgroundService. Undelivered messages are sent after the next start."""
        if self._loop is None or self._thread is None:
            return
        deadline_s = time.monotonic() + timeout_s
        stopping = self._stop(timeout_s * _DRAIN_SHARE)
        try:
            asyncio.run_coroutine_threadsafe(stopping, self._loop)
        except RuntimeError:  # the loop is closed
            stopping.close()
        self._thread.join(timeout_s)
        join_calls(DATABASE, deadline_s - time.monotonic())

    # for the routes

    def wake(self) -> None:
        """There may be messages to deliver, or clips to cut."""
        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._wake_tasks)
            except RuntimeError:  # the loop is closed
                return

    def queues(self) -> list[TargetQueue]:
        """One for each target; none before `start`."""
        return [] if self._dispatcher is None else list(self._dispatcher.queues.values())

    async def test(self, name: str) -> float:
        """Send a test message; returns the seconds it took. Raises TargetUnknown, TargetFailed."""
        if all(target.name != name for target in self.settings.targets):
            raise TargetUnknown(f"there is no target {name}")
        if self._dispatcher is None or self._loop is None:
            raise TargetFailed("alerts are not running")
        return await self._on_own_loop(self._dispatcher.test(name, _test_event(self._node)))

    def image_of(self, event: Event) -> bytes | None:
        """The best image of the track that an alert is about, a JPEG with boxes: the whole frame, else the crop.

        None when there is none, or its file is gone. Blocks.
        """
        if event.track_id is None:
            return None
        track = (event.stream_id, event.session, event.track_id)
        with self._resources.database.read() as connection:
            rows = {row["kind"]: row for row in of_tracks(connection, {track})}
        row = rows.get("picture") or rows.get("crop")
        try:
            return None if row is None else self._resources.media.image(row, overlay=True)
        except OSError as error:  # the message matters more
            log.warning("alert_image_unreadable", alert=str(event.id), reason=str(error))
            return None

    # on the thread `alerts`

    def _run_loop(self) -> None:
        """Not asyncio.run: closing its executor waits for DNS look-ups that hang."""
        self._loop = loop = asyncio.new_event_loop()
        loop.set_default_executor(ThreadPoolExecutor(_RESOLVER_THREADS, thread_name_prefix=f"{ABANDONED}alerts"))
        try:
            loop.run_until_complete(self._run())
            loop.run_until_complete(loop.shutdown_asyncgens())
        except Exception as error:
            self._failed = f"alerts are not delivered: internal error ({type(error).__name__}), see the log"
            log.exception("alerts_failed")
        finally:
            self._running.set()
            loop.close()

    async def _run(self) -> None:
        clock, active, sign_link = self._resources.clock, self._resources.active, self._resources.sign_link
        people = self._resources.people
        self._dispatcher = Dispatcher(self.settings, self.deliveries, self.image_of, clock, active, sign_link, people)
        self._clips = AlertClips(self.settings, self.store, self._resources)
        self._main = asyncio.create_task(self._run_tasks(self._dispatcher, self._clips))
        self._running.set()
        try:
            await self._main
        except asyncio.CancelledError:
            if not self._main.cancelled():
                raise

    async def _stop(self, grace_s: float) -> None:
        """Let messages that are being sent arrive, so that they are not sent twice; then end."""
        if self._dispatcher is not None and self._main is not None:
            await self._dispatcher.drain(grace_s)
            self._main.cancel()

    async def _run_tasks(self, dispatcher: Dispatcher, clips: AlertClips) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(dispatcher.run())
            tasks.create_task(clips.run())
            tasks.create_task(self._count_open())

    async def _count_open(self) -> None:
        while True:
            try:
                found = await run_blocking(DATABASE, self.store.open_counts) if self._resources.active() else {}
            except DatabaseUnavailable:
                found = {}
            for severity in SEVERITIES:
                metrics.OPEN.labels(severity).set(found.get(severity, 0))
            await asyncio.sleep(_COUNT_S)

    def _wake_tasks(self) -> None:
        if self._dispatcher is not None and self._clips is not None:
            self._dispatcher.wake()
            self._clips.wake()

    async def _on_own_loop(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on this loop and await its result on the caller's."""
        assert self._loop is not None
        try:
            future = asyncio.run_coroutine_threadsafe(call, self._loop)
        except RuntimeError as error:
            call.close()
            raise TargetFailed("alerts are not running") from error
        return await asyncio.wrap_future(future)


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
        text="Test message: Livesight sends alerts here.",
        node=node,
    )
