"""Makes a node run the shared streams that it leases, and no others. Runs in its own thread; stopping in short ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection

import structlog
from prometheus_client import Counter

from stream.config import StreamConfig
from stream.errors import StreamError
from workers.bus.stream_down import DISABLED, RELEASED, REMOVED, REPLACED
from workers.cluster.lease import Lease
from workers.cluster.settings import ClusterSettings
from workers.cluster.spec_registry import SpecRegistry
from workers.errors import StreamUnknown, WorkerError
from workers.node.node import Node

FENCED = Counter("livesight_results_fenced", "Results not published because the stream's lease had ended.")

log = structlog.get_logger(__name__)

_LOOK_S = 1.0
_TRY_AGAIN_S = 10.0


class Reconciler:
    """Compares what shall run here with what does: when woken, and every second."""

    def __init__(self, node: Node, specs: SpecRegistry, settings: ClusterSettings) -> None:
        self._node = node
        self._specs = specs
        self._settings = settings
        self._lease: Lease | None = None
        self._lock = threading.Lock()
        self._running: dict[str, StreamConfig] = {}
        self._failed: dict[str, tuple[StreamConfig, str, float]] = {}
        self._stopping: dict[str, threading.Thread] = {}
        self._woken = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-runner", daemon=True)

    def start(self, lease: Lease) -> None:
        """Run what `lease` holds from now on."""
        self._lease = lease
        self._thread.start()

    def wake(self) -> None:
        """Something changed. Any thread."""
        self._woken.set()

    def may_publish(self, stream_id: str) -> bool:
        """Whether a result may leave this node: always, but for a shared stream whose lease has ended."""
        if stream_id not in self._running or (self._lease is not None and self._lease.holds(stream_id)):
            return True
        FENCED.inc()
        return False

    def failures(self) -> dict[str, str]:
        """Why shared streams that should run here do not, by stream."""
        with self._lock:
            return {stream_id: reason for stream_id, (_, reason, _) in self._failed.items()}

    def release(self, partitions: frozenset[int]) -> None:
        """Stop the streams of these partitions side by side; returns when they are, or after `stop_timeout_s`."""
        lease = self._lease
        if lease is not None:
            with self._lock:
                ending = [stream_id for stream_id in self._running if lease.owner_of(partitions, stream_id)]
            self._stop(ending)

    def running(self) -> list[str]:
        """The shared streams that run here, those that are being stopped among them."""
        with self._lock:
            return list(self._running)

    def stop(self, stream_ids: Collection[str]) -> None:
        """Stop these side by side; blocks, `stop_timeout_s` at most. Call `close` first."""
        self._stop(stream_ids)

    def close(self, timeout_s: float) -> None:
        """End the thread; the streams are the lease's or the node's to stop. Idempotent."""
        self._closing.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                log.error("lease_runner_thread_left")

    def _run(self) -> None:
        while not self._closing.is_set():
            self._woken.wait(_LOOK_S)
            self._woken.clear()
            try:
                self._look()
            except Exception:
                log.exception("lease_runner_failed")

    def _look(self) -> None:
        lease = self._lease
        assert lease is not None
        wanted = {stream_id: spec.stream for stream_id, spec in self._specs.all().items() if lease.holds(stream_id)}
        with self._lock:
            changed = {name: before for name, before in self._running.items() if wanted.get(name) != before}
            self._failed = {name: entry for name, entry in self._failed.items() if wanted.get(name) == entry[0]}
        self._stop([name for name, before in changed.items() if not self._take_over(before, wanted.get(name))])
        for stream_id, config in wanted.items():
            if self._closing.is_set() or not lease.holds(stream_id):
                continue
            if stream_id not in self._running and self._is_due(stream_id):
                self._begin(config, lease)

    def _take_over(self, before: StreamConfig, after: StreamConfig | None) -> bool:
        """Whether the stream that runs goes on with another spec; else it is to be stopped, and perhaps begun again."""
        if after is None or before.id in self._stopping or not before.keeps_session(after):
            return False
        try:
            self._node.streams.take_over(after)
        except StreamUnknown:
            return False
        with self._lock:
            self._running[after.id] = after
        log.info("leased_stream_changed", stream=after.id)
        return True

    def _is_due(self, stream_id: str) -> bool:
        failed = self._failed.get(stream_id)
        return failed is None or time.monotonic() - failed[2] > _TRY_AGAIN_S

    def _begin(self, config: StreamConfig, lease: Lease) -> None:
        with self._lock:
            self._running[config.id] = config
        try:
            self._node.streams.add(config)
        except (StreamError, WorkerError) as error:
            with self._lock:
                first = config.id not in self._failed
                self._failed[config.id] = (config, str(error), time.monotonic())
                del self._running[config.id]
            if first:
                log.error("leased_stream_failed", stream=config.id, reason=str(error))
            return
        with self._lock:
            self._failed.pop(config.id, None)
        log.info("leased_stream_started", stream=config.id)
        if not lease.holds(config.id):  # let go while it was starting, when there was nothing to stop yet
            self._stop([config.id])

    def _stop(self, stream_ids: Collection[str]) -> None:
        """Side by side, at most `stop_timeout_s`. A stream that is being stopped already is waited for."""
        threads = [self._stopper(stream_id) for stream_id in stream_ids]
        deadline_s = time.monotonic() + self._settings.stop_timeout_s
        for thread in threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        late = [thread.name for thread in threads if thread.is_alive()]
        if late:
            log.warning("cameras_still_stopping", threads=late)

    def _stopper(self, stream_id: str) -> threading.Thread:
        with self._lock:
            thread = self._stopping.get(stream_id)
            if thread is None:
                thread = threading.Thread(
                    target=self._remove, args=(stream_id,), name=f"release-{stream_id}", daemon=True
                )
                self._stopping[stream_id] = thread
                thread.start()
        return thread

    def _reason(self, stream_id: str) -> str:
        """Why a stream is stopped here, as events say it."""
        spec, lease = self._specs.get(stream_id), self._lease
        if spec is None:
            return REMOVED
        if not spec.stream.enabled:
            return DISABLED
        stays = lease is not None and lease.holds(stream_id) and not lease.is_leaving
        return REPLACED if stays else RELEASED

    def _remove(self, stream_id: str) -> None:
        """In its own thread. Until the end the stream counts as ours, so that nothing late of it is published."""
        try:
            self._node.streams.remove(stream_id, self._reason(stream_id))
            log.info("leased_stream_stopped", stream=stream_id)
        except StreamUnknown:
            pass  # the node was closed, or it never began
        except Exception:
            log.exception("leased_stream_not_stopped", stream=stream_id)
        finally:
            with self._lock:
                self._running.pop(stream_id, None)
                self._stopping.pop(stream_id, None)
            self._woken.set()
