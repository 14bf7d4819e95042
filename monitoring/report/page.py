"""A report as HTML: one file, no script, nothing fetched. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from monitoring.drift.report import DriftReport, FeatureReport
from monitoring.report.drawings import SERIES, Bars, distributions, stacked
from monitoring.report.facts import DriftPast, Facts, ReportedAlert, TrainingRun
from monitoring.report.gather import SHOWN_ALERTS
from monitoring.report.markup import joined, table, tag
from monitoring.report.style import STYLE

_SEVERE = {"critical": "bad", "warning": "warn"}
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; frame-ancestors 'self'"
_FEATURES = 4


def written(facts: Facts) -> str:
    """The whole document."""
    zone = ZoneInfo(facts.zone)
    heads = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"Livesight, {_day(facts.period.since, zone)} to {_day(facts.period.until, zone)}"),
        tag("style", Markup(STYLE)),
    ]
    parts = [_summary(facts, zone), _alerts(facts, zone), _seen(facts), _cameras(facts), _certainty(facts)]
    parts += [_drift(facts, zone), _runs(facts, zone)]
    body = tag("body", tag("header", _heading(facts, zone)), tag("main", parts))
    return f"<!doctype html>\n{tag('html', tag('head', heads), body, lang='en')}\n"


def _heading(facts: Facts, zone: ZoneInfo) -> list[Markup]:
    period = f"{_moment(facts.period.since, zone)} to {_moment(facts.period.until, zone)} ({facts.zone})"
    return [tag("h1", "Livesight: what was seen"), tag("p", period, class_="quiet")]


def _summary(facts: Facts, zone: ZoneInfo) -> Markup:
    untold = sum(1 for alert in facts.alerts if alert.given_up)
    drifted = sorted({past.newest.stream_id for past in facts.drift if past.newest.drifted})
    figures = {
        "Came into sight": f"{facts.kinds.get('track_began', 0):,}",
        "Cameras": f"{len(set(facts.by_stream) | set(facts.outages)):,}",
        "Alerts": f"{sum(facts.alert_counts.values()):,}",
        "Critical alerts": f"{_severe(facts, 'critical'):,}",
        "Alerts nobody was told": f"{untold:,}",
        "Cameras with drift now": f"{len(drifted):,}",
    }
    cells = [tag("div", tag("dt", name), tag("dd", value)) for name, value in figures.items()]
    return tag("section", tag("dl", cells, class_="figures"))


def _severe(facts: Facts, wanted: str) -> int:
    return sum(count for (_, severity), count in facts.alert_counts.items() if severity == wanted)


def _alerts(facts: Facts, zone: ZoneInfo) -> Markup:
    if not facts.alert_counts:
        return tag("section", tag("h2", "Alerts"), tag("p", "None was raised."))
    rows = [(rule, _toned(severity), count) for (rule, severity), count in facts.alert_counts.items()]
    shown = [_alert(alert, zone) for alert in facts.alerts]
    total = sum(facts.alert_counts.values())
    heading = f"The newest {SHOWN_ALERTS} of {total:,}" if total > SHOWN_ALERTS else "One by one"
    listed = table(("When", "Camera", "What", "Lasted", "Seen by", "Not told", ""), shown)
    return tag("section", tag("h2", "Alerts"), table(("Rule", "Severity", "Times"), rows), tag("h3", heading), listed)


def _alert(alert: ReportedAlert, zone: ZoneInfo) -> Sequence[object]:
    event = alert.event
    picture = None
    if alert.picture is not None:
        picture = tag("img", src=f"data:image/jpeg;base64,{base64.b64encode(alert.picture).decode()}", alt="Who it was")
    lasted = "still open" if alert.ended_at_ns is None else _lasted((alert.ended_at_ns - event.captured_at_ns) / 1e9)
    untold = [tag("span", f"{', '.join(alert.given_up)} (given up)", class_="bad")] if alert.given_up else []
    untold += [joined([", ".join(alert.waiting), " (being tried)"])] if alert.waiting else []
    what = joined([_toned(event.severity or "info"), ": ", event.text or event.rule])
    return (
        _at(event.captured_at_ns, zone),
        event.stream_id,
        what,
        lasted,
        alert.acknowledged_by or "–",
        untold,
        picture,
    )


def _toned(severity: str) -> Markup:
    return tag("span", severity, class_=_SEVERE.get(severity))


def _seen(facts: Facts) -> Markup:
    if not facts.kinds:
        return tag("section", tag("h2", "What was seen"), tag("p", "Nothing was kept of this time."))
    days = list(facts.by_day)
    per_day = {
        "came into sight": [facts.by_day[day].get("track_began", 0) for day in days],
        "alerts": [facts.by_day[day].get("alert", 0) for day in days],
    }
    tracks = sum(facts.by_label.values())
    labels = [(_words(name), f"{count:,}", f"{count / tracks:.1%}") for name, count in facts.by_label.items()]
    kinds = [(_words(kind), f"{count:,}") for kind, count in facts.kinds.items()]
    hours = Bars("Came into sight, by hour of the day", [f"{hour}" for hour in facts.by_hour],
                 {"came into sight": list(facts.by_hour.values())})  # fmt: skip
    return tag(
        "section",
        tag("h2", "What was seen"),
        stacked(Bars("By day", [day[5:] for day in days], per_day)),
        stacked(hours),
        [tag("h3", "Who left, by label"), table(("Label", "Tracks", "Share"), labels)] if labels else None,
        tag("h3", "Events by kind"),
        table(("Kind", "Times"), kinds),
    )


def _cameras(facts: Facts) -> Markup | None:
    names = sorted(set(facts.by_stream) | set(facts.outages))
    if not names:
        return None
    rows = []
    for name in names:
        away = facts.outages.get(name)
        times, share = (away.times, away.share) if away else (0, 0.0)
        tone = "bad" if share > 0.05 else "warn" if share > 0.005 else "good"
        rows.append((name, f"{facts.by_stream.get(name, 0):,}", times, tag("span", f"{1 - share:.2%}", class_=tone)))
    return tag("section", tag("h2", "Cameras"), table(("Camera", "Tracks", "Times lost", "Up"), rows))


def _certainty(facts: Facts) -> Markup | None:
    """The mean confidence by day: falling, it is worth a look, whatever the drift detector says."""
    if not facts.certainty:
        return None
    days = sorted({one.day for one in facts.certainty})
    labels = list(dict.fromkeys(one.label for one in sorted(facts.certainty, key=lambda one: -one.tracks)))[
        : len(SERIES)
    ]
    known = {(one.day, one.label): one for one in facts.certainty}
    rows = []
    for day in days:
        found = [known.get((day, label)) for label in labels]
        rows.append([day, *(f"{one.confidence:.3f} ({one.tracks:,})" if one else "–" for one in found)])
    note = tag("p", "Mean confidence of tracks, and how many there were.", class_="quiet")
    heads = ("Day", *(_words(label) for label in labels))
    return tag("section", tag("h2", "How sure the models were"), note, table(heads, rows))


def _drift(facts: Facts, zone: ZoneInfo) -> Markup:
    if not facts.drift:
        return tag("section", tag("h2", "Drift"), tag("p", "No drift report was kept of this time."))
    rows = [_drift_row(past, zone) for past in facts.drift]
    heads = ("Camera", "Model", "At the end", "Cause", "Reports with drift", "Furthest apart")
    details = [_features(past.newest) for past in facts.drift if past.newest.features]
    return tag("section", tag("h2", "Drift"), table(heads, rows), details)


def _drift_row(past: DriftPast, zone: ZoneInfo) -> Sequence[object]:
    report = past.newest
    words = {"waiting": "too little seen", "commissioning": f"learning, {report.commissioned_share:.0%}"}
    if report.drifted:
        since = "" if report.since_ns is None else f" since {_at(report.since_ns, zone)}"
        state = tag("span", f"drift{since}", class_="bad")
    else:
        state = tag("span", words.get(report.state, "as it was"), class_="good" if report.state == "watching" else None)
    worst = max(report.features, key=lambda feature: feature.score, default=None)
    apart = "–" if worst is None else f"{worst.feature} {worst.score:.2f}"
    model = f"{report.model} {report.version}"
    return (report.stream_id, model, state, report.cause or "–", f"{past.drifted} of {past.kept}", apart)


def _features(report: DriftReport) -> Sequence[Markup | None]:
    """Those that differ most, now against the reference."""
    worst = sorted(report.features, key=lambda feature: (not feature.drifted, -feature.score))[:_FEATURES]
    rows = [(feature.feature.replace("_", " "), _drawn(feature), _figures(feature)) for feature in worst]
    heading = tag("h3", f"{report.stream_id}, {report.model}: now (bars) against the reference (line)")
    return [heading, tag("p", report.text, class_="bad") if report.text else None, table(("Feature", "", ""), rows)]


def _drawn(feature: FeatureReport) -> Markup:
    picture = distributions(feature.shares, feature.reference_shares, f"{feature.feature}: now and reference")
    if not feature.labels:
        return picture
    return joined([picture, tag("div", ", ".join(_words(label) for label in feature.labels), class_="quiet")])


def _figures(feature: FeatureReport) -> Markup:
    drifted = tag("span", "drifted, ", class_="bad") if feature.drifted else None
    means = "" if feature.mean is None else f"; mean {feature.mean:.3g}, reference {feature.reference_mean or 0:.3g}"
    worth = f"{feature.samples:,} samples, worth {feature.effective_samples:.0f}"
    return joined([drifted, f"{feature.score:.2f} apart, p {feature.p_value:.2g}, {worth}{means}"])


def _runs(facts: Facts, zone: ZoneInfo) -> Markup | None:
    if not facts.runs.runs:
        return None
    rows = [_run(run, zone) for run in facts.runs.runs]
    return tag("section", tag("h2", "Training runs"), table(("Run", "Experiment", "State", "Begun", "Figures"), rows))


def _run(run: TrainingRun, zone: ZoneInfo) -> Sequence[object]:
    figures = ", ".join(f"{name} {value:.4g}" for name, value in list(run.metrics.items())[:5])
    begun = "–" if run.started_ms is None else _at(run.started_ms * 1_000_000, zone)
    return (tag("a", run.name, href=run.url), run.experiment, run.status.lower(), begun, figures)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _lasted(seconds: float) -> str:
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
