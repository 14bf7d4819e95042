"""Metrics of inference and of the bus; others are declared in the module that observes them. Any thread."""

from __future__ import annotations

from typing import Literal

from prometheus_client import Counter, Gauge, Histogram

Reason = Literal["full", "refused", "damaged", "crash", "closed"]

FRAMES_ANALYSED = Counter("livesight_frames_analysed", "Frames analysed and published.", ["stream"])
DETECTIONS = Counter("livesight_detections", "Objects reported.", ["stream", "label"])
LATENCY_SECONDS = Histogram(
    "livesight_latency_seconds",
    "From a frame's arrival to its result being published.",
    buckets=(0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0),
)
BATCH_SIZE = Histogram("livesight_batch_size", "Frames in one inference.", buckets=(1, 2, 4, 8, 16, 32, 64))
MODEL_INFO = Gauge("livesight_model_info", "1 for each model in service.", ["name", "version", "backend"])
CROPS_CLASSIFIED = Counter("livesight_crops_classified", "Crops and frames classified.", ["model"])
CLASSIFY_FAILURES = Counter("livesight_classify_failures", "Crops that a classifier failed on.", ["model"])
LOOKS = Counter(
    "livesight_looks",
    "Looks at faces of tracks, by what came of them: named, unknown, failed, or why nothing can be said of the face.",
    ["stream", "outcome"],
)
WORKER_RESTARTS = Counter("livesight_worker_restarts", "Inference threads that died and were started again.")

PUBLISH_FAILURES = Counter("livesight_bus_publish_failures", "Attempts to reach the broker, or to send, that failed.")
GIVEN_UP = Counter(
    "livesight_bus_given_up_messages",
    "Messages that never reach the broker. full: no room, the least important and oldest go; refused: by the broker or "
    "for their size; damaged: unreadable on disk; crash: of an earlier run, neither sent nor on disk; closed: no disk.",
    ["topic", "reason"],
)
BUFFERED = Gauge("livesight_bus_buffered_messages", "Messages in memory, waiting for the broker or its confirmation.")
SPOOLED = Gauge("livesight_bus_spooled_messages", "Messages on disk, waiting for the broker or its confirmation.")
SPOOLED_BYTES = Gauge("livesight_bus_spooled_bytes", "Size of the files they are in.")
SPOOL_WRITTEN = Counter("livesight_bus_spool_written_messages", "Messages put on disk: the broker was unreachable.")
REPLAYED = Counter("livesight_bus_replayed_messages", "Messages from disk that the broker confirmed.")
SPOOL_FAILURES = Counter("livesight_bus_spool_failures", "Times the disk refused; meanwhile messages stay in memory.")
STATUS_REFUSED = Counter("livesight_status_refused", "Records of other processes that do not count, as if forged.")


def forget_stream(stream_id: str) -> None:
    """Remove the series of a stream that is gone."""
    FRAMES_ANALYSED.remove_by_labels({"stream": stream_id})
    DETECTIONS.remove_by_labels({"stream": stream_id})
    LOOKS.remove_by_labels({"stream": stream_id})


def give_up(topic: str, reason: Reason, messages: int = 1) -> None:
    """Count messages that will not arrive."""
    if messages:
        GIVEN_UP.labels(topic, reason).inc(messages)
