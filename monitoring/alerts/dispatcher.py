"""Tells each target what it is to be told, in order, until it knows. Runs on the event loop of the thread `alerts`.

A lane a target: what is first in the database is tried, again with growing waits, and nothing overtakes it; what one
target does concerns no other. What has arrived and could not be noted, because the database is away, is not sent again
but noted as soon as that can be done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import structlog

from monitoring.alerts import metrics
from monitoring.alerts.blocking_calls import DATABASE, aside
from monitoring.alerts.deliveries import Deliveries, Delivery, DeliveryBacklog
from monitoring.alerts.errors import TargetFailed, TargetUnknown, Undelivered
from monitoring.alerts.retry_policy import RetryPolicy, next_try_ns, overdue_before_ns, wait_s
from monitoring.alerts.settings import AlertSettings, TargetSettings
from monitoring.alerts.targets.notice import Notice, links_of
from monitoring.alerts.targets.target import AlertTarget
from monitoring.core.errors import StoreUnavailable
from workers.bus.event import Event

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
_WATCH_S = 2.0
_STORE_RETRY_S = 1.0
_STANDBY_S = 0.5


@dataclass(frozen=True, slots=True)
class Access:
    """What the dispatcher asks of the rest: an alert's picture, when there is one (blocks); whether it is its turn."""

    picture_of: Callable[[Event], Path | None]
    active: Callable[[], bool]


@dataclass(slots=True)
class TargetQueue:
    """One target and how it has been doing since the start. Written on the loop, read by anybody."""

    settings: TargetSettings
    target: AlertTarget
    more: asyncio.Event
    backlog: DeliveryBacklog = field(default_factory=DeliveryBacklog)
    error: str | None = None
    failing_since_ns: int | None = None
    delivered_ns: int | None = None
    telling: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The target's."""
        return self.settings.name

    @property
    def patience(self) -> RetryPolicy:
        """How long to go on."""
        return RetryPolicy(self.settings.retry_min_s, self.settings.retry_max_s, self.settings.give_up_s)


class Dispatcher:
    """Made and run on its loop. `targets`: one for each of the settings' targets, by name."""

    def __init__(
        self, settings: AlertSettings, targets: dict[str, AlertTarget], deliveries: Deliveries, access: Access
    ) -> None:
        self._settings = settings
        self._deliveries = deliveries
        self._access = access
        self._stopping = False
        self.lanes = {one.name: TargetQueue(one, targets[one.name], asyncio.Event()) for one in settings.targets}
        for name in self.lanes:
            metrics.begin(name)

    def wake(self) -> None:
        """There may be something new to tell. On the loop."""
        for lane in self.lanes.values():
            lane.more.set()

    async def run(self) -> None:
        """Until cancelled; closes the targets then."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch())
                for lane in self.lanes.values():
                    lane.task = tasks.create_task(self._serve(lane))
        finally:
            for lane in self.lanes.values():
                await lane.target.close()

    async def drain(self, grace_s: float) -> None:
        """End the lanes: those that are telling when they have told and noted it, or after `grace_s`."""
        self._stopping = True
        for lane in self.lanes.values():
            if lane.task is not None and not lane.telling:
                lane.task.cancel()
        tasks = [lane.task for lane in self.lanes.values() if lane.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)

    async def test(self, name: str, event: Event) -> float:
        """Tell a target that it is a test, at once and once; returns the seconds it took.

        Raises TargetUnknown, and TargetFailed with the reason.
        """
        lane = self.lanes.get(name)
        if lane is None:
            raise TargetUnknown(f"there is no target {name}")
        notice = Notice(str(event.id), "test", event, links_of(None, event.stream_id, self._settings.public_url))
        began_s = time.monotonic()
        try:
            await self._send(lane, notice)
        except Undelivered as failure:
            raise TargetFailed(f"{name}: {failure}") from failure
        return time.monotonic() - began_s

    async def _serve(self, lane: TargetQueue) -> None:
        """One lane, until the end."""
        while not self._stopping:
            try:
                await self._next(lane)
            except Exception as error:
                log.exception("alert_lane_failed", target=lane.name)
                lane.error = f"{type(error).__name__} while telling it"
                await asyncio.sleep(lane.settings.retry_max_s)
            finally:
                lane.telling = False

    async def _next(self, lane: TargetQueue) -> None:
        if not self._access.active():  # another process tells now
            lane.error = lane.failing_since_ns = None
            await asyncio.sleep(_STANDBY_S)
            return
        lane.more.clear()
        head = await self._stored(lambda: self._deliveries.head(lane.name))
        if head is None:
            await lane.more.wait()
        elif (pause_s := wait_s(head.next_ns, time.time_ns(), lane.patience)) > 0:
            await _wait(lane.more, pause_s)  # what was taken up again may be first now
        else:
            lane.telling = True
            await self._try(lane, head)

    async def _try(self, lane: TargetQueue, delivery: Delivery) -> None:
        try:
            await self._send(lane, await self._notice(delivery))
        except Undelivered as failure:
            await self._failed(lane, delivery, failure)
            return
        if lane.failing_since_ns is not None:
            log.info("alert_target_recovered", target=lane.name)
        now_ns = time.time_ns()
        lane.error, lane.failing_since_ns, lane.delivered_ns = None, None, now_ns
        metrics.DELIVERIES.labels(lane.name, "delivered").inc()
        metrics.DELIVERY_SECONDS.labels(lane.name).observe((now_ns - delivery.created_ns) / 1e9)
        await self._stored(lambda: self._deliveries.delivered(delivery))

    async def _send(self, lane: TargetQueue, notice: Notice) -> None:
        limit_s = lane.settings.timeout_s
        try:
            async with asyncio.timeout(limit_s):
                await lane.target.send(notice)
        except TimeoutError as error:
            raise Undelivered(f"it did not answer within {limit_s:g} s") from error
        except Undelivered:
            raise
        except Exception as error:
            log.exception("alert_target_broken", target=lane.name)
            raise Undelivered(f"{type(error).__name__} in the target's own code") from error

    async def _failed(self, lane: TargetQueue, delivery: Delivery, failure: Undelivered) -> None:
        why, now_ns = str(failure), time.time_ns()
        metrics.DELIVERIES.labels(lane.name, "failed").inc()
        if lane.failing_since_ns is None:
            lane.failing_since_ns = now_ns
            log.warning("alert_target_failed", target=lane.name, alert=str(delivery.alert_id), reason=why)
        lane.error = why
        next_ns = next_try_ns(delivery.attempts + 1, failure, lane.patience, now_ns)
        if next_ns is None:
            await self._stored(lambda: self._deliveries.give_up(delivery, why))
            self._given_up(lane, 1, why)
            return
        await self._stored(lambda: self._deliveries.failed(delivery, next_ns, why))
        before_ns = overdue_before_ns(lane.patience, now_ns)
        if given_up := await self._stored(lambda: self._deliveries.give_up_older(lane.name, before_ns, why)):
            self._given_up(lane, given_up, why)
            await asyncio.sleep(wait_s(next_ns, now_ns, lane.patience))  # what comes next meets the same target

    def _given_up(self, lane: TargetQueue, messages: int, why: str) -> None:
        metrics.DELIVERIES.labels(lane.name, "given_up").inc(messages)
        log.error("alerts_given_up", target=lane.name, messages=messages, reason=why)

    async def _notice(self, delivery: Delivery) -> Notice:
        event = delivery.event
        links = links_of(str(delivery.alert_id), event.stream_id, self._settings.public_url)
        try:
            picture = await aside(DATABASE, lambda: self._access.picture_of(event))
        except (StoreUnavailable, OSError):  # the words matter more
            picture = None
        return Notice(str(delivery.notice_id), delivery.kind, event, links, picture)

    async def _watch(self) -> None:
        """What waits, for metrics and readiness; what waits for targets that are gone is given up."""
        strangers_left = True
        while True:
            if strangers_left and self._access.active():
                gone = await self._stored(lambda: self._deliveries.give_up_strangers(list(self.lanes)))
                if gone:
                    log.warning("alerts_given_up", messages=gone, reason="their target is not configured any more")
                strangers_left = False
            found = await self._stored(lambda: self._deliveries.backlogs(list(self.lanes)))
            now_ns, active = time.time_ns(), self._access.active()
            for lane in self.lanes.values():
                none = DeliveryBacklog()  # of another's deliveries, which that one counts
                backlog = lane.backlog = found.get(lane.name, none) if active else none
                age_s = 0.0 if backlog.oldest_ns is None else max(0.0, (now_ns - backlog.oldest_ns) / 1e9)
                metrics.WAITING.labels(lane.name).set(backlog.waiting)
                metrics.OLDEST_SECONDS.labels(lane.name).set(age_s)
                metrics.GIVEN_UP.labels(lane.name).set(backlog.given_up)
            await asyncio.sleep(_WATCH_S)

    async def _stored(self, call: Callable[[], Result]) -> Result:
        """The result of a call of the database, however long it is away."""
        told = False
        while True:
            try:
                return await aside(DATABASE, call)
            except StoreUnavailable as error:
                if not told:
                    log.warning("alerts_wait_for_database", reason=str(error))
                    told = True
                await asyncio.sleep(_STORE_RETRY_S)


def troubles(lanes: Sequence[TargetQueue]) -> list[str]:
    """What is wrong with targets, in words for readiness."""
    found = []
    for lane in lanes:
        if lane.error is not None:
            found.append(f"alerts cannot be told to {lane.name}: {lane.error}; {lane.backlog.waiting} wait")
        if lane.backlog.given_up:
            found.append(f"{lane.backlog.given_up} alert messages to {lane.name} were given up; see /v1/alerts/targets")
    return found


async def _wait(event: asyncio.Event, limit_s: float) -> None:
    try:
        async with asyncio.timeout(limit_s):
            await event.wait()
    except TimeoutError:
        return
