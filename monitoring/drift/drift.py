"""Drift of all streams: a handler of the monitor, the signals that rules evaluate, and the reports.

Runs in the monitor's thread; `reports`, `knows` and `commission` may be called from any. Every so often a stream's
windows are compared with its references. Significance is decided over the hypotheses of all streams together.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from monitoring.core.contracts import Outgoing
from monitoring.core.handler import Durability
from monitoring.drift.build_reports import CardLookup, build_reports, card_findings
from monitoring.drift.comparison import rejected
from monitoring.drift.metrics import DriftMetrics
from monitoring.drift.settings import DriftSettings
from monitoring.drift.stream_drift import StreamDrift
from monitoring.rules.drift_signals import DriftAlarm, Fault
from workers.bus.drift_report import DRIFT_SCHEMA, DriftReport
from workers.bus.event import Event
from workers.bus.message_bus import DRIFT
from workers.bus.result import FrameResult
from workers.bus.stream_down import REMOVED
from workers.errors import ModelError
from workers.model_card import ModelCard, ModelStore, load_card, shipped_models_dir

COMPRESS_AFTER_S = 30.0
_PUBLISH_S = 600.0
_REPORT_S = 60.0
_STALE = 3  # intervals of comparisons


def card_lookup(state_dir: Path) -> CardLookup:
    """The cards of shipped models and of those promoted here; a monitor on another machine may lack some."""
    promoted = state_dir / "models"
    store = ModelStore((promoted, shipped_models_dir()), promoted)

    def card(model: str, version: int) -> ModelCard | None:
        try:
            return load_card(store.folder(model, version), verify=False)
        except ModelError:
            return None

    return card


class Drift:
    """A Handler, a CommitHook and the DriftSignals of the rules."""

    name = "drift"
    durability: Durability = "sometimes"

    def __init__(
        self, settings: DriftSettings, card_of: CardLookup, ended: Callable[[str], bool] | None = None
    ) -> None:
        """ended: whether a stream was removed, also one whose node is gone and cannot say it."""
        self._settings = settings
        self._ended = ended
        self._load_card = card_of
        self._known_cards: dict[tuple[str, int], ModelCard | None] = {}
        self._streams: dict[str, StreamDrift] = {}
        self._reports: dict[str, tuple[DriftReport, ...]] = {}
        self._reported_s: dict[str, float] = {}
        self._published_s: dict[str, float] = {}
        self._last_result_s: dict[str, float] = {}  # of streams that are not compressed
        self._unpublished: list[DriftReport] = []
        self._removed: dict[str, str] = {}  # streams → their last session, of which results may be read later
        self._to_commission: set[str] = set()
        self._commission_lock = threading.Lock()
        self._metrics = DriftMetrics()

    def restore(self, stream_id: str, state: Any | None) -> None:
        """See Handler. A state of another release that cannot be read is dropped: commissioning starts anew."""
        stream = StreamDrift(self._settings, self._detects)
        if state is not None:
            try:
                stream.restore(state)
            except (KeyError, TypeError, ValueError, IndexError):
                stream = StreamDrift(self._settings, self._detects)
        self._streams[stream_id] = stream
        self._last_result_s[stream_id] = time.monotonic()

    def forget(self, stream_id: str | None) -> None:
        """See Handler."""
        for one in [stream_id] if stream_id is not None else list(self._streams):
            self._streams.pop(one, None)
            self._last_result_s.pop(one, None)
            self._removed.pop(one, None)
        self._forget_reports(stream_id)

    def _forget_reports(self, stream_id: str | None) -> None:
        """Of one stream, or of all (None); the gauges too."""
        self._unpublished = [report for report in self._unpublished if stream_id not in (None, report.stream_id)]
        for one in [stream_id] if stream_id is not None else list(self._reports):
            for known in (self._reports, self._reported_s, self._published_s):
                known.pop(one, None)
        self._update_metrics()

    def take_result(self, result: FrameResult, events: list[Event]) -> None:
        """See Handler. Makes no events: rules make alerts of the signals."""
        if not self._settings.enabled or self._removed.get(result.stream_id) == result.session:
            return
        self._removed.pop(result.stream_id, None)
        stream = self._streams[result.stream_id]
        self._last_result_s[result.stream_id] = time.monotonic()
        with self._commission_lock:
            if result.stream_id in self._to_commission:
                self._to_commission.discard(result.stream_id)
                stream.commission()
        now_s = result.captured_at_ns / 1e9
        changed = stream.take(result)
        if stream.is_due(now_s):
            self._compare(stream, now_s)
            changed |= stream.judge(self._rejected(stream, now_s), now_s)
            if changed or not 0 <= now_s - self._reported_s.get(result.stream_id, -_REPORT_S) < _REPORT_S:
                self._report(result.stream_id, stream, now_s, changed)
        elif changed:
            self._report(result.stream_id, stream, now_s, True)

    def take_event(self, event: Event, events: list[Event]) -> None:
        """See Handler. What is known of a camera goes with it; one that gets its name later is another."""
        if event.kind == "stream_down" and event.reason == REMOVED:
            self._remove(event.stream_id, event.session)

    def _remove(self, stream_id: str, session: str) -> None:
        self.restore(stream_id, None)
        self._forget_reports(stream_id)
        self._removed[stream_id] = session
        with self._commission_lock:
            self._to_commission.discard(stream_id)

    def tick(self, now_ns: int, events: list[Event]) -> None:
        """See Handler. Compresses streams that have had no results for a while, one a tick."""
        for stream_id in [one for one in self._reports if self._ended is not None and self._ended(one)]:
            self._remove(stream_id, "")
        before_s = time.monotonic() - COMPRESS_AFTER_S
        idle = next((stream_id for stream_id, at_s in self._last_result_s.items() if at_s <= before_s), None)
        if idle is not None:
            del self._last_result_s[idle]
            self._streams[idle].compress()

    def dump(self, stream_id: str) -> Any:
        """See Handler."""
        stream = self._streams[stream_id]
        return stream.dump(stream.compared_s)

    def write(self, connection: Connection, events: Sequence[Event]) -> Sequence[Outgoing]:
        """See CommitHook: returns the reports to publish."""
        reports, self._unpublished = self._unpublished, []
        return [Outgoing(DRIFT, report.model, DRIFT_SCHEMA, report.to_json().decode()) for report in reports]

    def committed(self, events: Sequence[Event]) -> None:
        """See CommitHook."""

    def faults(self, stream_id: str) -> Mapping[str, Fault]:
        """See DriftSignals."""
        stream = self._streams.get(stream_id)
        return {} if stream is None else {str(kind): fault for kind, fault in stream.camera.faults().items()}

    def drifts(self, stream_id: str) -> Sequence[DriftAlarm]:
        """See DriftSignals."""
        stream = self._streams.get(stream_id)
        return () if stream is None or stream.alarm is None else (stream.alarm,)

    def reports(self, stream_id: str | None = None, model: str | None = None) -> list[DriftReport]:
        """The newest report of each stream and model, sorted. Any thread."""
        found = [report for reports in list(self._reports.values()) for report in reports]
        return sorted(
            (report for report in found if stream_id in (None, report.stream_id) and model in (None, report.model)),
            key=lambda report: (report.stream_id, report.model),
        )

    def knows(self, stream_id: str) -> bool:
        """Whether there was a result of a stream that is not removed. Any thread."""
        return stream_id in self._streams and stream_id not in self._removed

    def commission(self, stream_id: str) -> bool:
        """Learn a stream's reference anew from its next result on. Returns False for an unknown stream. Any thread."""
        with self._commission_lock:
            known = self.knows(stream_id)
            if known:
                self._to_commission.add(stream_id)
            return known

    def _compare(self, stream: StreamDrift, now_s: float) -> None:
        stream.compare(now_s)
        if self._settings.alarm_on_card:
            stream.findings += [
                finding
                for model, version in stream.versions.items()
                for finding in card_findings(stream, model, now_s, self._settings, self._card(model, version))
            ]

    def _rejected(self, stream: StreamDrift, now_s: float) -> list[bool]:
        """Which of the stream's hypotheses to reject, as one family with those of all other cameras."""
        oldest_s = now_s - _STALE * self._settings.every_s
        others = [
            finding
            for other in self._streams.values()
            if other is not stream and oldest_s <= other.compared_s <= now_s + self._settings.every_s
            for finding in other.findings
        ]
        return rejected([*stream.findings, *others], self._settings.fdr)[: len(stream.findings)]

    def _report(self, stream_id: str, stream: StreamDrift, now_s: float, changed: bool) -> None:
        self._reported_s[stream_id] = now_s
        self._reports[stream_id] = reports = build_reports(stream_id, stream, now_s, self._settings, self._card)
        if changed or not 0 <= now_s - self._published_s.get(stream_id, -_PUBLISH_S) < _PUBLISH_S:
            self._published_s[stream_id] = now_s
            self._unpublished += reports
        self._update_metrics()

    def _update_metrics(self) -> None:
        self._metrics.set_reports(report for reports in self._reports.values() for report in reports)
        self._metrics.set_faults({(stream_id, kind) for stream_id in self._reports for kind in self.faults(stream_id)})

    def _card(self, model: str, version: int) -> ModelCard | None:
        if (model, version) not in self._known_cards:
            self._known_cards[model, version] = self._load_card(model, version)
        return self._known_cards[model, version]

    def _detects(self, model: str, version: int) -> bool:
        card = self._card(model, version)
        return card is None or card.task == "detect"
