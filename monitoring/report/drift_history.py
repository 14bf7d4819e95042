"""Stores drift reports every hour and whenever they change, for later reports. Runs in the monitor's thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import BigInteger, Boolean, Column, Connection, Float, Index, String, Table, Text, func, select

from monitoring.core.contracts import Outgoing
from monitoring.store.tables import AGED, Aged, metadata
from workers.bus.drift_report import DriftReport
from workers.bus.event import Event
from workers.database.dialects import Serial

EVERY_NS = 3_600_000_000_000
Reports = Callable[[], Sequence[DriftReport]]
_Key = tuple[str, str]

drift_history = Table(
    "drift_history",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("stream_id", String(63), nullable=False),
    Column("model", String(200), nullable=False),
    Column("captured_at_ns", BigInteger, nullable=False),
    Column("drifted", Boolean, nullable=False),
    Column("cause", String(16)),
    Column("score", Float, nullable=False),
    Column("body", Text, nullable=False),  # the report as published
    Index(None, "captured_at_ns"),
    Index(None, "stream_id", "model", "captured_at_ns"),
)
"""Drift reports of each camera and model."""

AGED.append(Aged(drift_history, drift_history.c.seq, drift_history.c.captured_at_ns))


class DriftHistory:
    """A CommitHook. `reports`: the newest report of each camera and model."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._last: dict[_Key, tuple[int, str]] | None = None
        self._new: dict[_Key, tuple[int, str]] = {}

    def write(self, connection: Connection, events: Sequence[Event]) -> Sequence[Outgoing]:
        """See CommitHook."""
        if self._last is None:
            self._last = _newest_stored(connection)
        self._new = {}
        for report in self._reports():
            key, at_ns, signature = (report.stream_id, report.model), report.captured_at_ns, _signature(report)
            before_ns, before = self._last.get(key, (-EVERY_NS, ""))
            if at_ns - before_ns >= EVERY_NS or (signature != before and at_ns > before_ns):
                connection.execute(drift_history.insert().values(_row(report)))
                self._new[key] = (at_ns, signature)
        return ()

    def committed(self, events: Sequence[Event]) -> None:
        """See CommitHook: what a failed transaction did not store, the next one stores."""
        if self._last is not None:
            self._last.update(self._new)


def _signature(report: DriftReport) -> str:
    """A report is stored at once when this changes."""
    faults = ",".join(sorted(fault.kind for fault in report.faults))
    return f"{report.version}/{report.state}/{report.drifted}/{report.cause}/{faults}"


def _row(report: DriftReport) -> dict[str, object]:
    return {
        "stream_id": report.stream_id,
        "model": report.model,
        "captured_at_ns": report.captured_at_ns,
        "drifted": report.drifted,
        "cause": report.cause,
        "score": report.score,
        "body": report.to_json().decode(),
    }


def _newest_stored(connection: Connection) -> dict[_Key, tuple[int, str]]:
    """The newest stored report of each camera and model, for the start."""
    columns = drift_history.c.stream_id, drift_history.c.model
    newest = select(func.max(drift_history.c.seq)).group_by(*columns)
    bodies = connection.scalars(select(drift_history.c.body).where(drift_history.c.seq.in_(newest)))
    found = [DriftReport.model_validate_json(body) for body in bodies]
    return {(report.stream_id, report.model): (report.captured_at_ns, _signature(report)) for report in found}
