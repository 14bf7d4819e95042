"""Findings and faults as the drift report has them (workers/bus/drift_report.py). Pure."""

from __future__ import annotations

import numpy as np

from monitoring.drift.comparison import DriftFinding
from monitoring.drift.features import BINS
from monitoring.drift.statistics import F64
from monitoring.rules.drift_signals import Fault
from workers.bus.drift_report import FaultReport, FeatureReport

_MAX_BINS = 20


def feature_report(finding: DriftFinding, drifted: bool) -> FeatureReport:
    """A finding for a report; histograms in at most twenty bins."""
    now, reference, edges = finding.now, finding.reference, finding.edges
    if not finding.labels and not edges:
        now, reference, edges = _coarse(finding)
    return FeatureReport(
        feature=finding.feature.name,
        group=finding.feature.group,
        reference="card" if finding.window == "card" else "own",
        window=finding.window,
        samples=finding.n,
        effective_samples=round(finding.n_effective, 1),
        score=round(min(1.0, finding.effect), 4),
        p_value=min(1.0, max(0.0, finding.p)),
        psi=round(finding.psi, 4),
        drifted=drifted,
        mean=None if finding.mean_now is None else round(finding.mean_now, 4),
        reference_mean=None if finding.mean_reference is None else round(finding.mean_reference, 4),
        edges=None if finding.labels else edges,
        labels=finding.labels or None,
        shares=tuple(now.round(4).tolist()),
        reference_shares=tuple(reference.round(4).tolist()),
    )


def fault_report(fault: Fault) -> FaultReport:
    """A fault for a report."""
    return FaultReport(kind=fault.kind, since_ns=fault.since_ns, known_ns=fault.known_ns, text=fault.text)


def _coarse(finding: DriftFinding) -> tuple[F64, F64, tuple[float, ...]]:
    """The used part of the feature's range, in at most twenty bins of equal width: now, reference, edges."""
    used = np.flatnonzero(finding.now + finding.reference)
    first, last = int(used[0]), int(used[-1])
    width = max(1, -(-(last - first + 1) // _MAX_BINS))
    starts = np.arange(first, last + 1, width)
    step = finding.feature.scale / (BINS - 1)
    edges = tuple(round(float(start * step), 4) for start in (*starts, starts[-1] + width))
    return np.add.reduceat(finding.now, starts), np.add.reduceat(finding.reference, starts), edges
