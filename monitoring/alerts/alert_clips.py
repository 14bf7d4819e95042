"""A clip around each alert, asked of the node that has the packets. Runs on the event loop of the thread `alerts`.

What the node has is kept at once, when the pictures after the alert should have come, and replaced by what is longer:
a camera that goes down with the alert leaves at least what came before it.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from monitoring.alerts import metrics
from monitoring.alerts.alert_store import AlertBook
from monitoring.alerts.blocking_calls import DATABASE, aside
from monitoring.alerts.settings import AlertSettings
from monitoring.core.errors import StoreUnavailable
from monitoring.core.ports import CutClip
from monitoring.store.database import Database
from monitoring.store.media import MediaImage, MediaStore
from workers.bus.clip import Clip
from workers.bus.event import Event
from workers.errors import ClipNotYet, WorkerError

log = structlog.get_logger(__name__)

_AT_ONCE = 4
_MOST = 64
_MARGIN_S = 1.0
_AGAIN_S = 2.0
_PATIENCE_S = 20.0
_WHOLE_US = 500_000
_STORE_RETRY_S = 2.0
_STANDBY_S = 1.0


@dataclass(frozen=True, slots=True)
class ClipShelf:
    """Where clips come from and where they go. `active`: whether they are this process's affair."""

    cut: CutClip
    media: MediaStore
    database: Database
    active: Callable[[], bool]


class ClipKeeper:
    """Keeps the clip of each alert that wants one. `settings` say how much before and after."""

    def __init__(self, settings: AlertSettings, book: AlertBook, shelf: ClipShelf) -> None:
        self._settings = settings
        self._book = book
        self._shelf = shelf
        self._more = asyncio.Event()
        self._next_s: dict[uuid.UUID, float] = {}
        self._kept_to_us: dict[uuid.UUID, int] = {}

    def wake(self) -> None:
        """There may be new alerts. On the loop."""
        self._more.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._more.clear()
            try:
                pause_s = await self._round()
            except StoreUnavailable as error:
                log.warning("clips_wait_for_database", reason=str(error))
                pause_s = _STORE_RETRY_S
            try:
                async with asyncio.timeout(pause_s):
                    await self._more.wait()
            except TimeoutError:
                continue

    async def _round(self) -> float | None:
        """Cut what is due; seconds until there is more to do, None when nothing is waited for."""
        if not self._shelf.active():
            return _STANDBY_S
        wanted = await aside(DATABASE, lambda: self._book.clips_wanted(_MOST))
        now_s = time.time()
        for event in wanted:
            self._next_s.setdefault(event.id, self._complete_s(event))
        due = [event for event in wanted if self._next_s[event.id] <= now_s]
        gate = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for event in due:
                tasks.create_task(self._handle(event, gate))
        waiting = [self._next_s[event.id] for event in wanted if event.id in self._next_s]
        return max(0.0, min(waiting) - time.time()) if waiting else None

    def _complete_s(self, event: Event) -> float:
        """Wall clock when the pictures after it should have come."""
        return event.captured_at_ns / 1e9 + self._settings.clip_after_s + _MARGIN_S

    async def _handle(self, event: Event, gate: asyncio.Semaphore) -> None:
        """One try. Raises StoreUnavailable."""
        from_us = max(0, event.pts_us - int(self._settings.clip_before_s * 1e6))
        to_us = event.pts_us + int(self._settings.clip_after_s * 1e6)
        late = time.time() > self._complete_s(event) + _PATIENCE_S
        try:
            async with gate:
                cut = partial(self._shelf.cut, event.stream_id, event.session, from_us, to_us)
                clip = await aside(f"clip-{event.stream_id}", cut)
                if clip.to_us > self._kept_to_us.get(event.id, -1):
                    await aside(DATABASE, partial(self._keep, event, clip))
                    self._kept_to_us[event.id] = clip.to_us
        except ClipNotYet as error:
            await self._decide(event, late, str(error))
        except (WorkerError, OSError) as error:
            if isinstance(error, StoreUnavailable):
                raise
            await self._decide(event, True, str(error))
        except Exception as error:
            log.exception("clip_failed", alert=str(event.id), stream=event.stream_id)
            await self._decide(event, True, f"{type(error).__name__} while cutting it")
        else:
            await self._decide(event, late or clip.to_us >= to_us - _WHOLE_US, None)

    async def _decide(self, event: Event, final: bool, why: str | None) -> None:
        if not final:
            self._next_s[event.id] = time.time() + _AGAIN_S
            return
        is_kept = event.id in self._kept_to_us
        outcome = "kept" if is_kept else "failed"
        noted = partial(self._book.clip_is, event.id, outcome, None if is_kept else why)
        await aside(DATABASE, noted)
        self._next_s.pop(event.id, None)
        self._kept_to_us.pop(event.id, None)
        metrics.CLIPS.labels(outcome).inc()
        if not is_kept:
            log.info("alert_without_clip", alert=str(event.id), stream=event.stream_id, reason=why)

    def _keep(self, event: Event, clip: Clip) -> None:
        picture = MediaImage(
            kind="clip",
            stream_id=event.stream_id,
            session=event.session,
            pts_us=event.pts_us,
            captured_at_ns=event.captured_at_ns,
            media_type=clip.media_type,
            event_id=event.id,
        )
        path = self._shelf.media.write(picture, clip.data)
        with self._shelf.database.write() as connection:
            replaced = self._shelf.media.add(connection, picture, path, len(clip.data))
        self._shelf.media.unlink(replaced)
