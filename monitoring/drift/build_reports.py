"""Builds the drift reports of a stream from its last comparison. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from monitoring.drift.comparison import DriftFinding, EffectLimits, rejected
from monitoring.drift.features import TRACK_FEATURES
from monitoring.drift.reference.card import compare_card
from monitoring.drift.report import fault_report, feature_report
from monitoring.drift.series import Series
from monitoring.drift.settings import DriftSettings
from monitoring.drift.stream_drift import StreamDrift
from workers.bus.drift_report import DriftReport, FeatureReport
from workers.model_card import ModelCard

State = Literal["waiting", "commissioning", "watching"]
CardLookup = Callable[[str, int], ModelCard | None]
"""(model, version) → its card, None without one."""


def build_reports(
    stream_id: str, stream: StreamDrift, now_s: float, settings: DriftSettings, card_of: CardLookup
) -> tuple[DriftReport, ...]:
    """One report for each model that the stream runs."""
    significant = {finding.key for finding in stream.found}
    faults = tuple(fault_report(fault) for fault in stream.camera.faults().values())
    reports = []
    for model, version in sorted(stream.versions.items()):
        detects = ("frames", model) in stream.series
        own = [finding for finding in stream.findings if finding.model == model or (detects and not finding.model)]
        against_card = card_findings(stream, model, now_s, settings, card_of(model, version))
        features = _features(own, significant) or [feature_report(finding, False) for finding in against_card]
        series = stream.series.get(("tracks", model)) or (stream.series.get(("picture", "")) if detects else None)
        reports.append(
            DriftReport(
                stream_id=stream_id,
                model=model,
                version=version,
                captured_at_ns=round(now_s * 1e9),
                state=_state(series),
                commissioned_share=_share(series, now_s, settings.commission_s),
                commissioned_at_ns=_ns(None if series is None else series.commissioned_s),
                score=max((feature.score for feature in features), default=0.0),
                unlike_card=_unlike(against_card, settings),
                features=tuple(features),
                faults=faults,
                **_alarm_fields(stream, model, detects),
            )
        )
    return tuple(reports)


def _alarm_fields(stream: StreamDrift, model: str, detects: bool) -> dict[str, Any]:
    """An alarm is reported with its own model, and with every detector."""
    alarm, cause = stream.alarm, stream.cause
    if alarm is None or cause is None or not (detects or alarm.model == model):
        return {"drifted": False}
    return {
        "drifted": True,
        "cause": alarm.cause,
        "kinds": cause.kinds,
        "text": cause.text,
        "since_ns": alarm.since_ns,
    }


def _features(own: list[DriftFinding], significant: set[tuple[str, str, str]]) -> list[FeatureReport]:
    """Of each feature the window that differs most; significant ones before the others."""
    best: dict[str, DriftFinding] = {}
    for finding in own:
        known = best.get(finding.feature.name)
        if known is None or (finding.key in significant, -finding.p) > (known.key in significant, -known.p):
            best[finding.feature.name] = finding
    return [feature_report(finding, finding.key in significant) for finding in best.values()]


def card_findings(
    stream: StreamDrift, model: str, now_s: float, settings: DriftSettings, card: ModelCard | None
) -> list[DriftFinding]:
    """The newest samples against the model's card, where the camera has no reference of its own yet."""
    if card is None:
        return []
    kinds = (("picture", ""), ("frames", model)) if ("frames", model) in stream.series else ()
    findings = []
    for key in (*kinds, ("tracks", model)):
        series = stream.series.get(key)
        for feature in () if series is None else series.features.values():
            known = card.reference.get(feature.name)
            if series is None or known is None or series.commissioned_s is not None:
                continue
            rows = series.recent.window(series.windows[0], now_s)
            values: Sequence[float | str]
            if feature.kind == "categorical":
                values = [label for label in series.recent.labels(feature.name, rows) if label is not None]
            else:
                numbers = series.recent.numbers(feature.name, rows)
                values = numbers[np.isfinite(numbers)].tolist()
            min_n = settings.least_tracks if feature.name in TRACK_FEATURES else settings.least_pictures
            finding = compare_card(model, feature, values, known, EffectLimits(min_n, settings.effects.by_group()))
            if finding is not None:
                findings.append(finding)
    return findings


def _unlike(against_card: list[DriftFinding], settings: DriftSettings) -> bool | None:
    if not against_card:
        return None
    significant = rejected(against_card, settings.fdr)
    return any(is_one and finding.large for is_one, finding in zip(significant, against_card, strict=True))


def _state(series: Series | None) -> State:
    if series is None or series.began_s is None:
        return "waiting"
    return "commissioning" if series.commissioned_s is None else "watching"


def _share(series: Series | None, now_s: float, commission_s: float) -> float:
    if series is None or series.began_s is None:
        return 0.0
    if series.commissioned_s is not None:
        return 1.0
    return round(min(1.0, max(0.0, (now_s - series.began_s) / commission_s)), 4)


def _ns(at_s: float | None) -> int | None:
    return None if at_s is None else round(at_s * 1e9)
