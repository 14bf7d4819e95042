"""Promotions under way, and how the last one of each model ended. Runs on the event loop; a thread loads models."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from api.http.error_responses import problem_of
from api.http.errors import Problem
from workers.errors import ModelUnknown
from workers.registry.promotion import Promotion

MOST_REMEMBERED = 100


class PromotionStatus(BaseModel):
    """A promotion, or a rollback, whose `version` is null. Times: wall clock. `problem`: why it was refused."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True)

    name: str
    node: str
    action: Literal["promote", "rollback"]
    version: int | None
    state: Literal["running", "done", "refused"]
    started_at_ns: int
    ended_at_ns: int | None = None
    promotion: Promotion | None = None
    problem: dict[str, Any] | None = None


class PromotionJobs:
    """At most one a model at a time: loading takes seconds, and minutes on a busy machine."""

    def __init__(self) -> None:
        self._statuses: dict[str, PromotionStatus] = {}
        self._tasks: dict[str, asyncio.Task[Promotion]] = {}

    def status(self, name: str) -> PromotionStatus | None:
        """Of the newest; None when nobody asked for any since the start."""
        return self._statuses.get(name)

    async def run(self, begun: PromotionStatus, work: Callable[[], Promotion], wait_s: float) -> Promotion | None:
        """What it did, if it is done within the time; else None, and it goes on. Raises what refused it.

        Who asks for the same again joins in. Raises Problem while the model is promoted to another version.
        """
        task = self._tasks.get(begun.name)
        if task is None:
            task = self._begin(begun, work)
        else:
            running = self._statuses[begun.name]
            if (running.action, running.version) != (begun.action, begun.version):
                raise Problem("conflict", f"model {begun.name}: another promotion is running; try again later")
        done, _ = await asyncio.wait([task], timeout=wait_s)
        return task.result() if done else None

    def _begin(self, begun: PromotionStatus, work: Callable[[], Promotion]) -> asyncio.Task[Promotion]:
        async def promoted() -> Promotion:
            try:
                return await asyncio.to_thread(work)
            except ModelUnknown as error:
                raise Problem("model-unknown", str(error)) from error

        task = asyncio.create_task(promoted())
        self._statuses.pop(begun.name, None)
        self._statuses[begun.name] = begun
        self._tasks[begun.name] = task
        if len(self._statuses) > MOST_REMEMBERED:
            oldest = next(name for name in self._statuses if name not in self._tasks)
            del self._statuses[oldest]
        task.add_done_callback(lambda ended: self._ended(begun, ended))
        return task

    def _ended(self, begun: PromotionStatus, task: asyncio.Task[Promotion]) -> None:
        del self._tasks[begun.name]
        changes: dict[str, Any] = {"ended_at_ns": time.time_ns()}
        if task.cancelled():
            changes |= {"state": "refused"}
        elif (error := task.exception()) is None:
            changes |= {"state": "done", "promotion": task.result()}
        else:
            known = error if isinstance(error, Exception) else RuntimeError(repr(error))
            changes |= {"state": "refused", "problem": problem_of(known).document()}
        self._statuses[begun.name] = begun.model_copy(update=changes)
