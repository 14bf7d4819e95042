"""Delivers alerts to targets, each target's in order, until they arrive. Runs on the event loop of the thread `alerts`.

One task a target sends the first message of its queue in the database, with growing waits after failures; nothing
overtakes it, and targets do not affect each other. When a message was delivered but the database is unreachable, the
task waits for the database instead of sending again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from monitoring.alerts import metrics
from monitoring.alerts.blocking_calls import DATABASE, run_blocking
from monitoring.alerts.deliveries import Deliveries, Delivery, DeliveryBacklog
from monitoring.alerts.errors import DeliveryFailed, TargetFailed, TargetUnknown
from monitoring.alerts.settings import AlertSettings
from monitoring.alerts.target_queue import TargetQueue
from monitoring.alerts.targets.notice import Notice, alert_links
from monitoring.alerts.targets.target import make_target
from monitoring.core.contracts import SignLink
from monitoring.core.known_people import NOBODY, KnownPeople
from workers.bus.event import Event
from workers.errors import DatabaseUnavailable
from workers.logs import StateLog
from workers.wall_clock import WallClock

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
_BACKLOG_S = 2.0
_STORE_RETRY_S = 1.0
_STANDBY_S = 0.5


class Dispatcher:
    """Made and run on its loop."""

    def __init__(
        self,
        settings: AlertSettings,
        deliveries: Deliveries,
        image_of: Callable[[Event], bytes | None],
        clock: WallClock,
        active: Callable[[], bool],
        sign_link: SignLink | None = None,
        people: KnownPeople = NOBODY,
    ) -> None:
        """image_of: an alert's image as a JPEG, when there is one; blocks. active: whether this process delivers.

        people: who is named in messages.
        """
        self._people = people
        self._sign_link = sign_link
        self._clock = clock
        self._public_url = settings.public_url
        self._deliveries = deliveries
        self._image_of = image_of
        self._active = active
        self._database_log = StateLog(log, "alerts_wait_for_database")
        self._stopping = False
        self.queues = {one.name: TargetQueue(one, make_target(one, settings.networks)) for one in settings.targets}
        for name in self.queues:
            metrics.init_target(name)

    def wake(self) -> None:
        """There may be new messages. On the loop."""
        for queue in self.queues.values():
            queue.wake.set()

    async def run(self) -> None:
        """Run until cancelled; closes the targets then."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch_backlogs())
                for queue in self.queues.values():
                    queue.task = tasks.create_task(self._run_queue(queue))
        finally:
            for queue in self.queues.values():
                await queue.target.close()

    async def drain(self, grace_s: float) -> None:
        """Stop the queues. What is being sent may arrive and be noted, for up to `grace_s`."""
        self._stopping = True
        for queue in self.queues.values():
            if queue.task is not None and not queue.is_sending:
                queue.task.cancel()
        tasks = [queue.task for queue in self.queues.values() if queue.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)

    async def test(self, name: str, event: Event) -> float:
        """Send a test message to a target, at once and once; returns the seconds it took.

        Raises TargetUnknown, and TargetFailed with the reason.
        """
        queue = self.queues.get(name)
        if queue is None:
            raise TargetUnknown(f"there is no target {name}")
        notice = Notice(str(event.id), "test", event, alert_links(None, event.stream_id, self._public_url))
        began_s = time.monotonic()
        try:
            await self._send(queue, notice)
        except DeliveryFailed as failure:
            raise TargetFailed(f"target {name}: {failure}") from failure
        return time.monotonic() - began_s

    async def _run_queue(self, queue: TargetQueue) -> None:
        while not self._stopping:
            try:
                await self._step(queue)
            except Exception as error:
                log.exception("alert_queue_failed", target=queue.name)
                queue.error = f"{type(error).__name__} while sending"
                await asyncio.sleep(queue.settings.retry_max_s)
            finally:
                queue.is_sending = False

    async def _step(self, queue: TargetQueue) -> None:
        """Deliver the first message, or wait until it is due."""
        if not self._active():  # another process delivers now
            queue.error = queue.failing_since_ns = None
            await asyncio.sleep(_STANDBY_S)
            return
        queue.wake.clear()
        first = await self._in_database(lambda: self._deliveries.first(queue.name))
        if first is None:
            await queue.wake.wait()
        elif (pause_s := queue.retry_policy.wait_s(first.next_ns, self._clock.now_ns())) > 0:
            await _wait(queue.wake, pause_s)  # a retried older message may be first now
        else:
            queue.is_sending = True
            await self._deliver(queue, first)

    async def _deliver(self, queue: TargetQueue, delivery: Delivery) -> None:
        try:
            await self._send(queue, await self._notice(delivery))
        except DeliveryFailed as failure:
            await self._note_failure(queue, delivery, failure)
            return
        if queue.failing_since_ns is not None:
            log.info("alert_target_recovered", target=queue.name)
        now_ns = self._clock.now_ns()
        queue.error, queue.failing_since_ns, queue.delivered_ns = None, None, now_ns
        metrics.DELIVERIES.labels(queue.name, "delivered").inc()
        metrics.DELIVERY_SECONDS.labels(queue.name).observe((now_ns - delivery.created_ns) / 1e9)
        await self._in_database(lambda: self._deliveries.delivered(delivery))

    async def _send(self, queue: TargetQueue, notice: Notice) -> None:
        limit_s = queue.settings.timeout_s
        try:
            async with asyncio.timeout(limit_s):
                await queue.target.send(notice)
        except TimeoutError as error:
            raise DeliveryFailed(f"did not answer within {limit_s:g} s") from error
        except DeliveryFailed:
            raise
        except Exception as error:
            log.exception("alert_target_broken", target=queue.name)
            raise DeliveryFailed(f"internal error ({type(error).__name__}), see the log") from error

    async def _note_failure(self, queue: TargetQueue, delivery: Delivery, failure: DeliveryFailed) -> None:
        why, now_ns, policy = str(failure), self._clock.now_ns(), queue.retry_policy
        metrics.DELIVERIES.labels(queue.name, "failed").inc()
        if queue.failing_since_ns is None:
            queue.failing_since_ns = now_ns
            log.warning("alert_target_failed", target=queue.name, alert=str(delivery.alert_id), reason=why)
        queue.error = why
        next_ns = policy.next_try_ns(delivery.attempts + 1, failure, now_ns)
        if next_ns is None:
            await self._in_database(lambda: self._deliveries.give_up(delivery, why))
            _count_given_up(queue, 1, why)
            return
        await self._in_database(lambda: self._deliveries.failed(delivery, next_ns, why))
        before_ns = policy.overdue_before_ns(now_ns)
        if given_up := await self._in_database(lambda: self._deliveries.give_up_older(queue.name, before_ns, why)):
            _count_given_up(queue, given_up, why)
            await asyncio.sleep(policy.wait_s(next_ns, now_ns))  # the next message would meet the same failing target

    async def _notice(self, delivery: Delivery) -> Notice:
        event = delivery.event
        links = alert_links(str(delivery.alert_id), event.stream_id, self._public_url, self._signing(event))
        try:
            image = await run_blocking(DATABASE, lambda: self._image_of(event))
        except (DatabaseUnavailable, OSError):  # the text matters more
            image = None
        return Notice(str(delivery.notice_id), delivery.kind, event, links, image).told(self._people)

    def _signing(self, event: Event) -> Callable[[str], str] | None:
        sign = self._sign_link
        return None if sign is None else lambda path: sign(path, event.captured_at_ns)

    async def _watch_backlogs(self) -> None:
        """Update the backlogs for metrics and readiness; once, give up messages for targets no longer configured."""
        others_left = True
        while True:
            if others_left and self._active():
                given_up = await self._in_database(lambda: self._deliveries.give_up_except(list(self.queues)))
                if given_up:
                    log.warning("alerts_given_up", messages=given_up, reason="their target is no longer configured")
                others_left = False
            found = await self._in_database(lambda: self._deliveries.backlogs(list(self.queues)))
            for queue in self.queues.values():  # in standby the active process reports them
                queue.backlog = found.get(queue.name, DeliveryBacklog()) if self._active() else DeliveryBacklog()
                _set_gauges(queue, self._clock.now_ns())
            await asyncio.sleep(_BACKLOG_S)

    async def _in_database(self, call: Callable[[], Result]) -> Result:
        """The result of a database call, repeated for as long as the database is unreachable."""
        while True:
            try:
                found = await run_blocking(DATABASE, call)
            except DatabaseUnavailable as error:
                self._database_log.note(str(error))
                await asyncio.sleep(_STORE_RETRY_S)
            else:
                self._database_log.clear()
                return found


def _count_given_up(queue: TargetQueue, messages: int, why: str) -> None:
    metrics.DELIVERIES.labels(queue.name, "given_up").inc(messages)
    log.error("alerts_given_up", target=queue.name, messages=messages, reason=why)


def _set_gauges(queue: TargetQueue, now_ns: int) -> None:
    backlog = queue.backlog
    age_s = 0.0 if backlog.oldest_ns is None else max(0.0, (now_ns - backlog.oldest_ns) / 1e9)
    metrics.WAITING.labels(queue.name).set(backlog.waiting)
    metrics.OLDEST_SECONDS.labels(queue.name).set(age_s)
    metrics.GIVEN_UP.labels(queue.name).set(backlog.given_up)


async def _wait(event: asyncio.Event, limit_s: float) -> None:
    try:
        async with asyncio.timeout(limit_s):
            await event.wait()
    except TimeoutError:
        return
