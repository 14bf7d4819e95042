"""What the dashboards of models, events and alerts, and of the bus show: what becomes of results. Pure."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from deployment.grafana.panels import Panel, Row, board


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
