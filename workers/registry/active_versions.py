"""Follows `livesight.models`, which says what version of each model all nodes are to run. Own thread.

Every promotion and rollback is published; the topic is compacted, so its last record of a model counts. A node follows
a decision that is later, by the deciding node's clock, than the one it runs by. It must have that version already:
models are not copied over Kafka, and a node without it says so in readiness and stays with its own.
"""

from __future__ import annotations

import threading
from typing import Final, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stream.config import ModelName
from workers.bus.identifiers import Nanoseconds, NodeName, UnreadableMessages
from workers.bus.message_bus import MODELS
from workers.errors import ModelUnknown, WorkerError
from workers.registry.promotion import Promotions

MODEL_SCHEMA: Final = "livesight.model/1"

log = structlog.get_logger(__name__)


class ActiveVersion(BaseModel):
    """`version` is in service, after `before`. `at_ns`: wall clock of the node that decided it."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, populate_by_name=True)

    schema_: Literal["livesight.model/1"] = Field(default=MODEL_SCHEMA, alias="schema")
    name: ModelName
    version: int = Field(ge=1, lt=2**31)
    before: int = Field(ge=1, lt=2**31)
    at_ns: Nanoseconds
    node: NodeName

    def to_json(self) -> bytes:
        """The record's value."""
        return self.model_dump_json(by_alias=True).encode()


class ActiveVersionFollower:
    """Puts in service here what was promoted elsewhere. `apply` is called from any thread and never blocks."""

    def __init__(self, promotions: Promotions) -> None:
        self._promotions = promotions
        self._waiting: dict[str, ActiveVersion] = {}
        self._problems: dict[str, str] = {}
        self._unreadable = UnreadableMessages(log)
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="follow-models", daemon=True)

    def start(self) -> None:
        """Follow from now on."""
        self._thread.start()

    def apply(self, name: str, value: bytes | None) -> None:
        """One record of the topic; one that is known already, or cannot be read, changes nothing."""
        if value is None:
            return
        try:
            wanted = ActiveVersion.model_validate_json(value)
        except ValidationError as error:
            with self._changed:
                self._unreadable.note(MODELS, name, error)
            return
        if wanted.name != name:
            with self._changed:
                self._unreadable.note(MODELS, name, "key", f"the record is of model {wanted.name}")
            return
        with self._changed:
            waiting = self._waiting.get(wanted.name)
            if waiting is None or waiting.at_ns < wanted.at_ns:
                self._waiting[wanted.name] = wanted
                self._changed.notify_all()

    def problems(self) -> list[str]:
        """Readiness reasons."""
        return list(self._problems.values())

    def close(self, timeout_s: float) -> None:
        """End the thread; a load in progress is not waited for beyond `timeout_s`. Idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or bool(self._waiting))
                if self._closing:
                    return
                _, wanted = self._waiting.popitem()
            try:
                self._follow(wanted)
            except Exception:
                log.exception("promotion_not_followed", model=wanted.name)

    def _follow(self, wanted: ActiveVersion) -> None:
        if wanted.at_ns <= self._promotions.decided_ns(wanted.name):
            return  # known, or the decision made here is later and on its way to the others
        try:
            self._promotions.promote(wanted.name, wanted.version, decided_ns=wanted.at_ns)
        except ModelUnknown:
            text = f"version {wanted.version} was promoted on {wanted.node} but is not on this node"
            self._problems[wanted.name] = f"model {wanted.name}: {text}"
        except WorkerError as error:
            text = f"version {wanted.version} was promoted on {wanted.node} but cannot be used here: {error}"
            self._problems[wanted.name] = f"model {wanted.name}: {text}"
        else:
            self._problems.pop(wanted.name, None)
            return
        log.error("promotion_not_followed", model=wanted.name, reason=self._problems[wanted.name])
