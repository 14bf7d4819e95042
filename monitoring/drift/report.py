"""The drift report of a camera and a model, as `GET /v1/drift` and `livesight.drift` have it. Pure."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from monitoring.drift.comparison import DriftFinding
from monitoring.drift.features import BINS, Group
from monitoring.drift.statistics import F64
from monitoring.rules.drift_signals import Cause, Fault

DRIFT_SCHEMA = "livesight.drift/1"
_MAX_BINS = 20
Against = Literal["own", "card"]


class _Part(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid")


class FeatureReport(_Part):
    """One feature of the newest samples against its reference; of several windows, the one that differs most."""

    feature: str
    group: Group
    reference: Against
    window: str = Field(description="recent or long; card: the recent one, against the model's card.")
    samples: int
    effective_samples: float = Field(description="How many independent samples they are worth.")
    score: float = Field(ge=0, le=1, description="Effect: Kolmogorov-Smirnov or total variation distance.")
    p_value: float = Field(ge=0, le=1)
    psi: float
    drifted: bool = Field(description="Significant after correction for all tests, large, and confirmed.")
    mean: float | None = None
    reference_mean: float | None = None
    edges: tuple[float, ...] | None = None
    labels: tuple[str, ...] | None = None
    shares: tuple[float, ...] = Field(description="Of the window, one per bin or label.")
    reference_shares: tuple[float, ...]


class FaultReport(_Part):
    """A current camera fault."""

    kind: str
    since_ns: int
    known_ns: int
    text: str


class DriftReport(_Part):
    """A camera and a model: whether what is seen still matches the reference.

    state: waiting (too few samples), commissioning (the camera's own reference is being learnt, the card's is compared
    with), watching. commissioned_share: how much of the commissioning is done, 0 to 1.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["livesight.drift/1"] = Field(default="livesight.drift/1", alias="schema")
    stream_id: str
    model: str
    version: int
    captured_at_ns: int
    state: Literal["waiting", "commissioning", "watching"]
    commissioned_share: float = Field(ge=0, le=1)
    commissioned_at_ns: int | None = None
    drifted: bool
    cause: Cause | None = None
    kinds: tuple[str, ...] = Field(default=(), description="More precisely: dark, blurred, moved, label, …")
    text: str | None = None
    since_ns: int | None = None
    score: float = Field(ge=0, le=1, description="The largest of the features'.")
    unlike_card: bool | None = Field(default=None, description="Whether samples differ from the card's; no alarm.")
    features: tuple[FeatureReport, ...]
    faults: tuple[FaultReport, ...] = ()

    def to_json(self) -> bytes:
        """The wire form, UTF-8."""
        return self.model_dump_json(by_alias=True).encode()


def drift_json_schema() -> dict[str, Any]:
    """The published JSON Schema of a drift report."""
    schema = DriftReport.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": DRIFT_SCHEMA, **schema}


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
