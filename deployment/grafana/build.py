"""Writes the dashboards: `python deployment/grafana/build.py`. What they show is in this file.

The JSON beside is what Grafana reads; a test holds that it is what comes out here.
"""

from __future__ import annotations

import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from deployment.grafana.panels import Panel, Row, board  # noqa: E402

FOLDER = Path(__file__).parent / "dashboards"
THIS = 'stream=~"$stream"'


def service() -> Dashboard:
    """How the service does: throughput, latency by stage, inference, viewers."""
    now = Row(
        "Now",
        [
            Panel("Processes", [('sum(up{job="livesight"})', "")], kind="stat", width=4, height=4),
            Panel("Cameras up", [("sum(livesight_stream_up)", "")], kind="stat", width=4, height=4),
            Panel(
                "Cameras down",
                [("count(livesight_stream_up) - sum(livesight_stream_up)", "")],
                kind="stat",
                width=4,
                height=4,
                worse=1,
            ),
            Panel("Frames analysed", [("sum(livesight:frames_analysed:rate)", "")], "ops", "stat", 4, 4),
            Panel("Age of a result, 95 of 100", [("livesight:latency_seconds:p95", "")], "s", "stat", 4, 4, worse=1),
            Panel("Viewers", [("sum(livesight_viewers)", "")], kind="stat", width=4, height=4),
        ],
    )
    flow = Row(
        "Throughput",
        [
            Panel(
                "Frames",
                [
                    ("sum(livesight:frames_decoded:rate)", "decoded"),
                    ("sum(livesight:frames_analysed:rate)", "analysed"),
                    ('sum(livesight:frames_dropped:rate{reason!="max_fps"})', "dropped"),
                ],
                "ops",
                about="Dropped are those that nobody was free for: they were replaced by newer ones. What is beyond a "
                "camera's own limit (max_fps) is not among them.",
            ),
            Panel(
                "Objects found", [("sum by (label) (livesight:detections:rate)", "{{label}}")], "ops", kind="stacked"
            ),
        ],
    )
    latency = Row(
        "Latency",
        [
            Panel(
                "From a frame's arrival to its result",
                [
                    ("livesight:latency_seconds:p50", "median"),
                    ("livesight:latency_seconds:p95", "95 of 100"),
                    ("livesight:latency_seconds:p99", "99 of 100"),
                ],
                "s",
                worse=1,
            ),
            Panel(
                "How old results are",
                [("sum by (le) (increase(livesight_latency_seconds_bucket[$__rate_interval]))", "{{le}}")],
                "s",
                "heatmap",
            ),
            Panel("Stages, 95 of 100", [("livesight:stage_seconds:p95", "{{stage}}")], "s"),
            Panel("Stages, mean", [("livesight:stage_seconds:mean", "{{stage}}")], "s", "stacked"),
        ],
    )
    inference = Row(
        "Inference and viewers",
        [
            Panel(
                "Frames per inference",
                [
                    (
                        "sum by (instance) (rate(livesight_batch_size_sum[2m]))"
                        " / sum by (instance) (rate(livesight_batch_size_count[2m]))",
                        "{{instance}}",
                    )
                ],
                width=8,
            ),
            Panel(
                "Threads that died",
                [("sum by (instance) (increase(livesight_worker_restarts_total[10m]))", "{{instance}}")],
                kind="bars",
                width=8,
            ),
            Panel(
                "What slow viewers missed",
                [
                    ("sum by (where) (rate(livesight_results_skipped_total[2m]))", "results, {{where}}"),
                    ("sum(rate(livesight_video_skipped_total[2m]))", "frames"),
                    ("sum(rate(livesight_viewers_cut_off_total[2m]))", "cut off"),
                ],
                "ops",
                width=8,
            ),
        ],
    )
    return board("livesight-service", "Livesight: service", "How the service does.", [now, flow, latency, inference])


def cameras() -> Dashboard:
    """Each camera: up, frames, drops by reason, what is found."""
    states = Row(
        "State",
        [
            Panel(
                "Up", [(f"max by (stream) (livesight_stream_up{{{THIS}}})", "{{stream}}")], width=12, height=6, most=1
            ),
            Panel(
                "Connections lost in 10 minutes",
                [(f"sum by (stream) (increase(livesight_stream_reconnects_total{{{THIS}}}[10m]))", "{{stream}}")],
                kind="bars",
                width=12,
                height=6,
            ),
            Panel(
                "Unusable frames",
                [(f"max by (stream, kind) (livesight_camera_fault{{{THIS}}})", "{{stream}}: {{kind}}")],
                height=6,
                most=1,
                about="1 while the camera is frozen, black, covered or moved.",
            ),
            Panel(
                "Late",
                [(f"max by (stream) (livesight_stream_lag_seconds{{{THIS}}})", "{{stream}}")],
                "s",
                height=6,
                worse=1,
                about="How late packets are read, compared with the best of the session.",
            ),
        ],
    )
    frames = Row(
        "Frames",
        [
            Panel("Received", [(f"livesight:frames_decoded:rate{{{THIS}}}", "{{stream}}")], "ops"),
            Panel("Analysed", [(f"livesight:frames_analysed:rate{{{THIS}}}", "{{stream}}")], "ops"),
            Panel(
                "Dropped, by reason",
                [(f"sum by (reason) (livesight:frames_dropped:rate{{{THIS}}})", "{{reason}}")],
                "ops",
                "stacked",
                about="newer: replaced before it was its turn; max_fps: beyond the camera's own limit, so not wanted; "
                "undecoded: left out or unreadable; late: the frame "
                "came too late to be of use; error: its analysis failed.",
            ),
            Panel(
                "Share that was dropped",
                [(f"livesight:frames_dropped:share{{{THIS}}}", "{{stream}}")],
                "percentunit",
                most=1,
            ),
        ],
    )
    found = Row(
        "What is found",
        [
            Panel(
                "Objects, by label",
                [(f"sum by (label) (livesight:detections:rate{{{THIS}}})", "{{label}}")],
                "ops",
                "stacked",
            ),
            Panel(
                "Objects per frame",
                [
                    (
                        f"sum by (stream) (livesight:detections:rate{{{THIS}}})"
                        f" / (livesight:frames_analysed:rate{{{THIS}}} > 0)",
                        "{{stream}}",
                    )
                ],
            ),
        ],
    )
    return board("livesight-cameras", "Livesight: cameras", "Camera by camera.", [states, frames, found], True)


def models() -> Dashboard:
    """The models in service, and whether what they see is what they were made for."""
    models = Row(
        "Models",
        [
            Panel("In service", [("livesight_model_info", "")], kind="table", width=12),
            Panel(
                "Looked at by classifiers",
                [("sum by (model) (rate(livesight_crops_classified_total[2m]))", "{{model}}")],
                "ops",
                width=6,
            ),
            Panel(
                "Classifiers that failed",
                [("sum by (model) (increase(livesight_classify_failures_total[10m]))", "{{model}}")],
                kind="bars",
                width=6,
            ),
        ],
    )
    drift = Row(
        "Drift",
        [
            Panel(
                "Drift now",
                [("max by (model) (livesight_drift_detected)", "{{model}}")],
                kind="stat",
                width=6,
                worse=1,
            ),
            Panel(
                "Score by feature",
                [("max by (model, feature) (livesight_drift_score)", "{{model}}: {{feature}}")],
                width=18,
                about="How far what is seen now is from the reference, worst camera.",
            ),
        ],
    )
    return board("livesight-models", "Livesight: models and drift", "Whether to trust it.", [models, drift])


def monitoring() -> Dashboard:
    """Whether what is seen is kept, and whether people learn of it."""
    now = Row(
        "Now",
        [
            Panel("At work", [("sum(livesight_monitor_active)", "")], kind="stat", width=4, height=4),
            Panel("Waiting", [("sum(livesight_monitor_lag_messages)", "")], kind="stat", width=4, height=4, worse=5000),
            Panel("Events kept", [("max(livesight_events_stored)", "")], kind="stat", width=4, height=4),
            Panel("Images and clips", [("max(livesight_media_bytes)", "")], "bytes", "stat", 4, 4),
            Panel("Open alerts", [("sum(livesight_alerts_open)", "")], kind="stat", width=4, height=4, worse=1),
            Panel(
                "Oldest alert not told",
                [("max(livesight_alert_oldest_waiting_seconds)", "")],
                "s",
                "stat",
                4,
                4,
                worse=60,
            ),
        ],
    )
    events = Row(
        "Events",
        [
            Panel(
                "Events, by kind", [("sum by (kind) (rate(livesight_events_total[2m]))", "{{kind}}")], "ops", "stacked"
            ),
            Panel(
                "Results looked at",
                [
                    ("sum(rate(livesight_monitor_results_total[2m]))", "results"),
                    ("sum(rate(livesight_monitor_duplicates_total[2m]))", "duplicates"),
                    ("sum(rate(livesight_snapshots_published_total[2m]))", "snapshots"),
                ],
                "ops",
            ),
            Panel(
                "Committing a batch, 95th percentile",
                [
                    (
                        "histogram_quantile(0.95, sum by (le) (rate(livesight_monitor_commit_seconds_bucket[5m])))",
                        "commit",
                    )
                ],
                "s",
                width=8,
            ),
            Panel(
                "Trouble",
                [
                    ("sum(increase(livesight_monitor_lost_messages_total[10m]))", "could not be kept"),
                    ("sum(increase(livesight_monitor_dropped_messages_total[10m]))", "dropped before"),
                    (
                        "sum by (topic) (increase(livesight_bus_unreadable_messages_total[10m]))",
                        "unreadable, {{topic}}",
                    ),
                    (
                        "sum by (handler) (increase(livesight_monitor_handler_failures_total[10m]))",
                        "failed, {{handler}}",
                    ),
                    ("sum(increase(livesight_media_failures_total[10m]))", "files refused"),
                ],
                kind="bars",
                width=8,
            ),
            Panel(
                "Deleted for their age",
                [("sum by (table) (increase(livesight_retention_deleted_rows_total[10m]))", "{{table}}")],
                kind="bars",
                width=8,
            ),
        ],
    )
    alerts = Row(
        "Alerts",
        [
            Panel(
                "Raised",
                [("sum by (rule, severity) (increase(livesight_alerts_total[10m]))", "{{rule}}, {{severity}}")],
                kind="bars",
            ),
            Panel(
                "Told",
                [
                    (
                        "sum by (target, outcome) (increase(livesight_alert_deliveries_total[10m]))",
                        "{{target}}: {{outcome}}",
                    )
                ],
                kind="bars",
            ),
            Panel("Not told yet", [("sum by (target) (livesight_alert_deliveries_waiting)", "{{target}}")], width=8),
            Panel(
                "How long it takes, 95 of 100",
                [
                    (
                        "histogram_quantile(0.95, sum by (target, le) "
                        "(rate(livesight_alert_delivery_seconds_bucket[30m])))",
                        "{{target}}",
                    )
                ],
                "s",
                width=8,
            ),
            Panel(
                "Clips around alerts",
                [("sum by (outcome) (increase(livesight_alert_clips_total[10m]))", "{{outcome}}")],
                kind="bars",
                width=8,
            ),
        ],
    )
    about = "Whether what is seen is kept, and whether people learn of it."
    return board("livesight-monitoring", "Livesight: events and alerts", about, [now, events, alerts])


def bus() -> Dashboard:
    """Whether what was seen gets to Kafka."""
    spool = Row(
        "Messages that wait",
        [
            Panel("In memory", [("livesight_bus_buffered_messages", "{{instance}}")], width=8),
            Panel("On disk", [("livesight_bus_spooled_messages", "{{instance}}")], width=8),
            Panel("On disk, bytes", [("livesight_bus_spooled_bytes", "{{instance}}")], "bytes", width=8),
            Panel(
                "Events in the database, not in Kafka yet",
                [("max(livesight_outbox_messages)", "events and reports")],
                width=24,
                height=6,
            ),
        ],
    )
    trouble = Row(
        "Trouble",
        [
            Panel(
                "To disk and back",
                [
                    (
                        "sum by (instance) (rate(livesight_bus_spool_written_messages_total[2m]))",
                        "to disk, {{instance}}",
                    ),
                    ("sum by (instance) (rate(livesight_bus_replayed_messages_total[2m]))", "sent later, {{instance}}"),
                ],
                "ops",
            ),
            Panel(
                "Attempts that failed",
                [
                    ("sum by (instance) (rate(livesight_bus_publish_failures_total[2m]))", "broker, {{instance}}"),
                    ("sum by (instance) (rate(livesight_bus_spool_failures_total[2m]))", "disk, {{instance}}"),
                ],
                "ops",
            ),
            Panel(
                "Given up",
                [
                    (
                        "sum by (topic, reason) (increase(livesight_bus_given_up_messages_total[10m]))",
                        "{{topic}}: {{reason}}",
                    )
                ],
                kind="bars",
                about="Messages that never reach Kafka.",
            ),
            Panel(
                "Withheld",
                [("sum by (instance) (increase(livesight_results_fenced_total[10m]))", "{{instance}}")],
                kind="bars",
                about="Results not published because another node may have the camera by now.",
            ),
        ],
    )
    return board("livesight-bus", "Livesight: bus", "Whether what was seen gets to Kafka.", [spool, trouble])


def built() -> dict[str, str]:
    """The files' texts by name."""
    boards = {"service": service(), "cameras": cameras(), "models": models(), "monitoring": monitoring(), "bus": bus()}
    encoder = JSONEncoder(sort_keys=True, indent=2)
    return {f"{name}.json": encoder.encode(board) + "\n" for name, board in boards.items()}


if __name__ == "__main__":
    for name, text in built().items():
        (FOLDER / name).write_text(text)
