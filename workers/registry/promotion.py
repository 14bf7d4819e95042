"""Which version of a model is in service. Any thread; promoting blocks for seconds. Watches in its own thread.

A version is promoted in this order: its files are checked against its card, it is copied to the promoted models,
loaded, compiled and tried on an image; then `current` is replaced, and the running engine swapped between two batches.
Until then nothing has changed, whatever fails. A running service follows promotions made by another process, such as
the command line, by looking at `current`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import structlog
from pydantic import BaseModel, ConfigDict

from workers.engines.engine import Engine
from workers.engines.hot_swap import EngineSlots
from workers.engines.load import open_engine
from workers.errors import EngineError, ModelDamaged, PromotionError, WorkerError
from workers.model_card import ModelCard, ModelStore, load_card
from workers.registry.store import PromotedModels
from workers.settings import WorkerSettings

log = structlog.get_logger(__name__)


class Promotion(BaseModel):
    """What a promotion or a rollback did. `before` equals `version` when that was in service already."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True)

    name: str
    version: int
    before: int


class Promotions:
    """Puts versions in service: for the next start, and in `slots` at once. `close` stops watching.

    promoted: called with what was decided here, and when (wall clock, ns), after it is in service; must not block.
    """

    def __init__(
        self,
        store: ModelStore,
        slots: EngineSlots,
        settings: WorkerSettings,
        promoted: Callable[[Promotion, int], None] = lambda done, at_ns: None,
    ) -> None:
        self._store = store
        self._slots = slots
        self._settings = settings
        self._disk = PromotedModels(store.promoted) if store.promoted else None
        self._promoted = promoted
        self._decided_ns: dict[str, int] = {}
        self._problems: dict[str, tuple[int, str]] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def promote(self, name: str, version: int, *, decided_ns: int | None = None) -> Promotion:
        """Put a version in service, and report it to `promoted`, unless it was decided elsewhere at `decided_ns`.

        Raises ModelUnknown, ModelDamaged (a file is not as its card says), ModelError, EngineError (it cannot be
        loaded), PromotionError; then the version before stays in service.
        """
        disk = self._needs_disk()
        with disk.locked():
            before = self._in_service(name)
            source = self._store.folder(name, version)
            self._refuse_other_task(name, source)
            if self._is_shadowed(name):
                raise PromotionError(
                    f"model {name}: workers.models_dir has a {name}/current, which overrides promotions"
                )
            engine = self._checked_engine(name, version, self._copied(disk, source, name, version))
            done = self._put(disk, Promotion(name=name, version=version, before=before), engine, forward=True)
        if decided_ns is None:
            self._report(done)
        else:
            self._decided_ns[name] = decided_ns
        return done

    def rollback(self, name: str) -> Promotion:
        """Put the version before the last promotion in service again. Raises as promote."""
        disk = self._needs_disk()
        with disk.locked():
            before, version = self._in_service(name), disk.previous(name)
            source = self._store.folder(name, version)
            engine = self._checked_engine(name, version, self._copied(disk, source, name, version))
            done = self._put(disk, Promotion(name=name, version=version, before=before), engine, forward=False)
        self._report(done)
        return done

    def decided_ns(self, name: str) -> int:
        """Wall clock of the promotion or rollback in force, made here or elsewhere; 0 when there was none."""
        before = self._disk.stamp(name) if self._disk else 0  # of an earlier run
        return self._decided_ns.setdefault(name, before)

    def history(self, name: str) -> list[tuple[int, int, int]]:
        """(before, after, wall clock in ns) of the promotions that can be rolled back, oldest first."""
        changes = self._disk.history(name) if self._disk else ()
        return [(change.before, change.after, change.at_ns) for change in changes]

    def since_ns(self, name: str, version: int) -> int | None:
        """Wall clock at which a promotion or rollback put `version` in service here; None when none did."""
        if self._disk is None or self._disk.current(name) != version:
            return None
        return self._disk.stamp(name) or None

    def previous(self, name: str) -> int | None:
        """The version that a rollback would put in service; None where there is none, or the history is unreadable."""
        try:
            return self._needs_disk().previous(name)
        except (PromotionError, ModelDamaged):
            return None

    def watch(self) -> None:
        """Follow promotions that other processes make in the same folder, from now on."""
        if self._disk is not None and self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="models", daemon=True)
            self._thread.start()

    def problems(self) -> list[str]:
        """Readiness reasons: versions that other processes promoted and that cannot be used here."""
        return [text for _, text in list(self._problems.values())]

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop watching; a load in progress is not waited for beyond `timeout_s`. Idempotent."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _put(self, disk: PromotedModels, done: Promotion, engine: Engine | None, forward: bool) -> Promotion:
        """The point of no return: `current`, then the slot. `engine` is closed when the disk cannot be written."""
        try:
            if forward and done.version != done.before:
                disk.record(done.name, done.before, done.version)
            disk.set_current(done.name, done.version)
            if not forward:
                disk.forget(done.name, done.before)
        except OSError as error:
            if engine is not None:
                engine.close()
            raise PromotionError(f"{disk.home / done.name}: {error.strerror or error}") from error
        self._problems.pop(done.name, None)
        if engine is not None and done.name in self._slots:
            self._slots.put(engine)
        elif engine is not None:
            engine.close()
        log.info("model_promoted", model=done.name, version=done.version, before=done.before)
        return done

    def _checked_engine(self, name: str, version: int, folder: Path) -> Engine | None:
        """The version's engine, which has computed once; None when it is the one in service already."""
        slot = self._slots.get(name)
        if slot is not None and slot.card == load_card(folder):
            return None
        engine = open_engine(folder, self._settings)
        try:
            check_engine(engine)
        except BaseException:
            engine.close()
            raise
        return engine

    def _copied(self, disk: PromotedModels, source: Path, name: str, version: int) -> Path:
        try:
            return disk.add(source, name, version)
        except OSError as error:
            raise PromotionError(f"{disk.home / name / str(version)}: {error.strerror or error}") from error

    def _in_service(self, name: str) -> int:
        slot = self._slots.get(name)
        return slot.card.version if slot is not None else int(self._store.folder(name).name)

    def _refuse_other_task(self, name: str, source: Path) -> None:
        """The streams depend on a slot's task; labels, shapes and thresholds may change."""
        slot, task = self._slots.get(name), load_card(source, verify=False).task
        if slot is not None and slot.card.task != task:
            raise PromotionError(f"model {name} is of task {slot.card.task} in service, {source} is of task {task}")

    def _is_shadowed(self, name: str) -> bool:
        assert self._store.promoted is not None
        before = self._store.roots[: self._store.roots.index(self._store.promoted)]
        return any((root / name / "current").exists() for root in before)

    def _needs_disk(self) -> PromotedModels:
        if self._disk is None:
            raise PromotionError("promoting needs a state_dir")
        return self._disk

    def _watch(self) -> None:
        while not self._stop.wait(self._settings.models_poll_s):
            for name in list(self._slots):
                try:
                    self._follow(name)
                except Exception:
                    log.exception("promotion_not_followed", model=name)

    def _follow(self, name: str) -> None:
        """Swap to what `current` says, unless that failed already since it was last replaced."""
        disk = self._needs_disk()
        slot, version, stamp = self._slots.get(name), disk.current(name), disk.stamp(name)
        known = self._problems.get(name)
        if slot is None or version is None or (known is not None and known[0] == stamp):
            return
        if slot.card.version == version:
            self._problems.pop(name, None)
            return
        with disk.locked():
            version, stamp = disk.current(name), disk.stamp(name)
            if version is None or slot.card.version == version:
                return
            try:
                self._refuse_other_task(name, disk.home / name / str(version))
                engine = self._checked_engine(name, version, disk.home / name / str(version))
            except WorkerError as error:
                text = f"model {name}: version {version} was promoted but cannot be used; {slot.card.version} stays"
                self._problems[name] = (stamp, f"{text}: {error}")
                log.error("promotion_refused", model=name, version=version, error=str(error))
                return
            if engine is not None:
                before = slot.card.version
                self._slots.put(engine)
                self._problems.pop(name, None)
                self._report(Promotion(name=name, version=version, before=before))

    def _report(self, done: Promotion) -> None:
        self._decided_ns[done.name] = time.time_ns()
        if done.version != done.before:
            self._promoted(done, self._decided_ns[done.name])


def check_engine(engine: Engine) -> None:
    """Run one grey image of each shape and check the output. Raises EngineError saying what is wrong with it."""
    card = engine.card
    for shape_wh in card.shapes_wh:
        with engine.request(shape_wh) as request:
            request.tensor[0] = card.pad_value
            _check_rows(card, np.asarray(request.run(1)))


def _check_rows(card: ModelCard, rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    what = f"model {card.name} {card.version}"
    if not np.isfinite(rows).all():
        raise EngineError(f"{what} returned NaN or infinity")
    if card.task == "classify" and rows.shape != (1, len(card.classes)):
        raise EngineError(f"{what} returned {rows.shape[1:]}, but its card has {len(card.classes)} classes")
    if card.task == "detect":
        if rows.ndim != 3 or rows.shape[2] != 6:
            raise EngineError(f"{what} returned {rows.shape} instead of boxes with confidence and class, (1, N, 6)")
        if rows.size and not 0 <= rows[..., 5].max() < len(card.classes):
            raise EngineError(f"{what} returned a class that its card does not have")
