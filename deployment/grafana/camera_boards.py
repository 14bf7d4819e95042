"""What the dashboards of the service and of its cameras show: the way of the frames. Pure."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from deployment.grafana.panels import Panel, Row, board

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
