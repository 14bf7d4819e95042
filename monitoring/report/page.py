"""Renders a report as HTML: one file, no scripts, nothing fetched. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from monitoring.report.charts import SERIES, StackedBars, bar_chart, distribution_chart
from monitoring.report.html import STYLE, joined, table, tag
from monitoring.report.read_alerts import MAX_ALERTS
from monitoring.report.report_data import DriftSummary, ReportData, ReportedAlert, TrainingRun
from monitoring.report.scenes import scenes_section
from monitoring.report.seen_people import people_section
from workers.bus.drift_report import DriftReport, FeatureReport
from workers.label_words import WordSource, name_of, usual_words

_TONES = {"critical": "bad", "warning": "warn"}
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; frame-ancestors 'self'"
_MAX_FEATURES = 4


def render_report(data: ReportData, words: WordSource = usual_words) -> str:
    """The whole document. words: of labels."""
    zone = ZoneInfo(data.zone)
    heads = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"Livesight, {_day(data.period.since, zone)} to {_day(data.period.until, zone)}"),
        tag("style", Markup(STYLE)),  # nosec B704  # a constant of ours
    ]
    parts = [
        _summary(data, zone),
        _alerts(data, zone),
        people_section(data.people, zone),
        _activity(data, words),
        _cameras(data),
        scenes_section(data.scenes, zone),
        _confidence(data, words),
    ]
    parts += [_drift(data, zone, words), _runs(data, zone)]
    body = tag("body", tag("header", _heading(data, zone)), tag("main", parts))
    return f"<!doctype html>\n{tag('html', tag('head', heads), body, lang='en')}\n"


def _heading(data: ReportData, zone: ZoneInfo) -> list[Markup]:
    period = f"{_moment(data.period.since, zone)} to {_moment(data.period.until, zone)} ({data.zone})"
    return [tag("h1", "Livesight report"), tag("p", period, class_="quiet")]


def _summary(data: ReportData, zone: ZoneInfo) -> Markup:
    undelivered = sum(1 for alert in data.alerts if alert.given_up)
    drifted = {one.newest.stream_id for one in data.drift if one.newest.drifted}
    figures = {
        "Came into view": f"{data.kinds.get('track_began', 0):,}",
        "Cameras": f"{len(set(data.by_stream) | set(data.outages)):,}",
        "Alerts": f"{sum(data.alert_counts.values()):,}",
        "Critical alerts": f"{_count_severity(data, 'critical'):,}",
        "Undelivered alerts": f"{undelivered:,}",
        "Cameras with drift": f"{len(drifted):,}",
    }
    cells = [tag("div", tag("dt", name), tag("dd", value)) for name, value in figures.items()]
    return tag("section", tag("dl", cells, class_="figures"))


def _count_severity(data: ReportData, wanted: str) -> int:
    return sum(count for (_, severity), count in data.alert_counts.items() if severity == wanted)


def _alerts(data: ReportData, zone: ZoneInfo) -> Markup:
    if not data.alert_counts:
        return tag("section", tag("h2", "Alerts"), tag("p", "There were no alerts."))
    rows = [(rule, _severity(severity), count) for (rule, severity), count in data.alert_counts.items()]
    shown = [_alert(alert, zone) for alert in data.alerts]
    total = sum(data.alert_counts.values())
    heading = f"The newest {MAX_ALERTS} of {total:,}" if total > MAX_ALERTS else "All alerts"
    listed = table(("Time", "Camera", "Alert", "Duration", "Acknowledged by", "Not delivered to", ""), shown)
    return tag("section", tag("h2", "Alerts"), table(("Rule", "Severity", "Times"), rows), tag("h3", heading), listed)


def _alert(alert: ReportedAlert, zone: ZoneInfo) -> Sequence[object]:
    event = alert.event
    image = None
    if alert.image is not None:
        source = f"data:image/jpeg;base64,{base64.b64encode(alert.image).decode()}"
        image = tag("img", src=source, alt="The track's crop")
    duration = (
        "still open" if alert.ended_at_ns is None else _duration((alert.ended_at_ns - event.captured_at_ns) / 1e9)
    )
    undelivered = [tag("span", f"{', '.join(alert.given_up)} (given up)", class_="bad")] if alert.given_up else []
    undelivered += [joined([", ".join(alert.waiting), " (retrying)"])] if alert.waiting else []
    text = joined([_severity(event.severity or "info"), ": ", event.text or event.rule])
    return (
        _at(event.captured_at_ns, zone),
        event.stream_id,
        text,
        duration,
        alert.acknowledged_by or "–",
        undelivered,
        image,
    )


def _severity(severity: str) -> Markup:
    return tag("span", severity, class_=_TONES.get(severity))


def _activity(data: ReportData, words: WordSource) -> Markup:
    if not data.kinds:
        return tag("section", tag("h2", "Activity"), tag("p", "There are no events in this period."))
    days = list(data.by_day)
    per_day = {
        "came into view": [data.by_day[day].get("track_began", 0) for day in days],
        "alerts": [data.by_day[day].get("alert", 0) for day in days],
    }
    tracks = sum(data.by_label.values())
    labels = [(_name(label, words), f"{count:,}", f"{count / tracks:.1%}") for label, count in data.by_label.items()]
    kinds = [(_spaced(kind), f"{count:,}") for kind, count in data.kinds.items()]
    hours = StackedBars("Came into view, by hour of the day", [f"{hour}" for hour in data.by_hour],
                 {"came into view": list(data.by_hour.values())})  # fmt: skip
    return tag(
        "section",
        tag("h2", "Activity"),
        bar_chart(StackedBars("By day", [day[5:] for day in days], per_day)),
        bar_chart(hours),
        [tag("h3", "Tracks by label"), table(("Label", "Tracks", "Share"), labels)] if labels else None,
        tag("h3", "Events by kind"),
        table(("Kind", "Events"), kinds),
    )


def _cameras(data: ReportData) -> Markup | None:
    names = sorted(set(data.by_stream) | set(data.outages))
    if not names:
        return None
    rows = []
    for name in names:
        outages = data.outages.get(name)
        times, share = (outages.times, outages.share) if outages else (0, 0.0)
        tone = "bad" if share > 0.05 else "warn" if share > 0.005 else "good"
        rows.append((name, f"{data.by_stream.get(name, 0):,}", times, tag("span", f"{1 - share:.2%}", class_=tone)))
    return tag("section", tag("h2", "Cameras"), table(("Camera", "Tracks", "Outages", "Uptime"), rows))


def _confidence(data: ReportData, words: WordSource) -> Markup | None:
    """The mean confidence by day: when it falls, it is worth a look, whatever drift detection says."""
    if not data.confidence:
        return None
    days = sorted({one.day for one in data.confidence})
    labels = list(dict.fromkeys(one.label for one in sorted(data.confidence, key=lambda one: -one.tracks)))[
        : len(SERIES)
    ]
    known = {(one.day, one.label): one for one in data.confidence}
    rows = []
    for day in days:
        found = [known.get((day, label)) for label in labels]
        rows.append([day, *(f"{one.confidence:.3f} ({one.tracks:,})" if one else "–" for one in found)])
    note = tag("p", "Mean confidence of tracks, and their number.", class_="quiet")
    heads = ("Day", *(_name(label, words) for label in labels))
    return tag("section", tag("h2", "Confidence of the models"), note, table(heads, rows))


def _drift(data: ReportData, zone: ZoneInfo, words: WordSource) -> Markup:
    if not data.drift:
        return tag("section", tag("h2", "Drift"), tag("p", "There are no drift reports in this period."))
    rows = [_drift_row(summary, zone) for summary in data.drift]
    heads = ("Camera", "Model", "State at the end", "Cause", "Reports with drift", "Largest effect")
    details = [_features(summary.newest, words) for summary in data.drift if summary.newest.features]
    return tag("section", tag("h2", "Drift"), table(heads, rows), details)


def _drift_row(summary: DriftSummary, zone: ZoneInfo) -> Sequence[object]:
    report = summary.newest
    states = {"waiting": "too few samples", "commissioning": f"commissioning, {report.commissioned_share:.0%}"}
    if report.drifted:
        since = "" if report.since_ns is None else f" since {_at(report.since_ns, zone)}"
        state = tag("span", f"drift{since}", class_="bad")
    else:
        state = tag("span", states.get(report.state, "no drift"), class_="good" if report.state == "watching" else None)
    worst = max(report.features, key=lambda feature: feature.score, default=None)
    effect = "–" if worst is None else f"{worst.feature} {worst.score:.2f}"
    model = f"{report.model} {report.version}"
    return (report.stream_id, model, state, report.cause or "–", f"{summary.drifted} of {summary.stored}", effect)


def _features(report: DriftReport, words: WordSource) -> Sequence[Markup | None]:
    """The features with the largest effects."""
    worst = sorted(report.features, key=lambda feature: (not feature.drifted, -feature.score))[:_MAX_FEATURES]
    called = {label: _name(label, words, report) for feature in worst for label in feature.labels or ()}
    rows = [(_spaced(feature.feature), _chart(feature, called), _figures(feature)) for feature in worst]
    heading = tag("h3", f"{report.stream_id}, {report.model}: now (bars) against the reference (line)")
    return [heading, tag("p", report.text, class_="bad") if report.text else None, table(("Feature", "", ""), rows)]


def _chart(feature: FeatureReport, called: Mapping[str, str]) -> Markup:
    """called: what labels are called."""
    chart = distribution_chart(feature.shares, feature.reference_shares, f"{feature.feature}: now and reference")
    if not feature.labels:
        return chart
    return joined([chart, tag("div", ", ".join(called[label] for label in feature.labels), class_="quiet")])


def _figures(feature: FeatureReport) -> Markup:
    drifted = tag("span", "drifted, ", class_="bad") if feature.drifted else None
    means = "" if feature.mean is None else f"; mean {feature.mean:.3g}, reference {feature.reference_mean or 0:.3g}"
    samples = f"{feature.samples:,} samples, effectively {feature.effective_samples:.0f}"
    return joined([drifted, f"effect {feature.score:.2f}, p {feature.p_value:.2g}, {samples}{means}"])


def _runs(data: ReportData, zone: ZoneInfo) -> Markup | None:
    if not data.runs.runs:
        return None
    rows = [_run(run, zone) for run in data.runs.runs]
    return tag("section", tag("h2", "Training runs"), table(("Run", "Experiment", "State", "Started", "Metrics"), rows))


def _run(run: TrainingRun, zone: ZoneInfo) -> Sequence[object]:
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in list(run.metrics.items())[:5])
    started = "–" if run.started_ms is None else _at(run.started_ms * 1_000_000, zone)
    return (tag("a", run.name, href=run.url), run.experiment, run.status.lower(), started, metrics)


def _name(label: str, words: WordSource, seen: DriftReport | None = None) -> str:
    """What a label is called. seen: by which model, where that is known."""
    found = words(label) if seen is None else words(label, seen.model, seen.version)
    return name_of(label, found)


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"


def _at(at_ns: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, zone).strftime("%Y-%m-%d %H:%M:%S")


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d")
