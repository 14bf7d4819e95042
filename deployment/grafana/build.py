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
            Panel("Pictures analysed", [("sum(livesight:frames_analysed:rate)", "")], "ops", "stat", 4, 4),
            Panel("Age of a result, 95 of 100", [("livesight:latency_seconds:p95", "")], "s", "stat", 4, 4, worse=1),
            Panel("Viewers", [("sum(livesight_viewers)", "")], kind="stat", width=4, height=4),
        ],
    )
    flow = Row(
        "Throughput",
        [
            Panel(
                "Pictures",
                [
                    ("sum(livesight:frames_decoded:rate)", "decoded"),
                    ("sum(livesight:frames_analysed:rate)", "analysed"),
                    ("sum(livesight:frames_dropped:rate)", "dropped"),
                ],
                "ops",
                about="Dropped are those that nobody was free for: they were replaced by newer ones.",
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
                "From a picture's arrival to its result",
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
                "Pictures an inference",
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
                    ("sum(rate(livesight_video_skipped_total[2m]))", "pictures"),
                    ("sum(rate(livesight_viewers_cut_off_total[2m]))", "cut off"),
                ],
                "ops",
                width=8,
            ),
        ],
    )
    return board("livesight-service", "Livesight: service", "How the service does.", [now, flow, latency, inference])


def cameras() -> Dashboard:
    """Each camera: up, pictures, drops by reason, what is found."""
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
        ],
    )
    pictures = Row(
        "Pictures",
        [
            Panel("Received", [(f"livesight:frames_decoded:rate{{{THIS}}}", "{{stream}}")], "ops"),
            Panel("Analysed", [(f"livesight:frames_analysed:rate{{{THIS}}}", "{{stream}}")], "ops"),
            Panel(
                "Dropped, by reason",
                [(f"sum by (reason) (livesight:frames_dropped:rate{{{THIS}}})", "{{reason}}")],
                "ops",
                "stacked",
                about="newer: replaced before it was its turn; undecoded: left out or unreadable; late: the picture "
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
                "Objects a picture",
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
    return board("livesight-cameras", "Livesight: cameras", "Camera by camera.", [states, pictures, found], True)


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


def bus() -> Dashboard:
    """Whether what was seen gets to Kafka."""
    spool = Row(
        "Messages that wait",
        [
            Panel("In memory", [("livesight_bus_buffered_messages", "{{instance}}")], width=8),
            Panel("On disk", [("livesight_bus_spooled_messages", "{{instance}}")], width=8),
            Panel("On disk, bytes", [("livesight_bus_spooled_bytes", "{{instance}}")], "bytes", width=8),
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
                [("sum by (instance) (increase(livesight_results_withheld_total[10m]))", "{{instance}}")],
                kind="bars",
                about="Results not published because another node may have the camera by now.",
            ),
        ],
    )
    return board("livesight-bus", "Livesight: bus", "Whether what was seen gets to Kafka.", [spool, trouble])


def built() -> dict[str, str]:
    """The files' texts by name."""
    boards = {"service": service(), "cameras": cameras(), "models": models(), "bus": bus()}
    encoder = JSONEncoder(sort_keys=True, indent=2)
    return {f"{name}.json": encoder.encode(board) + "\n" for name, board in boards.items()}


if __name__ == "__main__":
    for name, text in built().items():
        (FOLDER / name).write_text(text)
