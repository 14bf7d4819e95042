"""Metrics of inference; others are declared in the module that observes them. Any thread."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

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
WORKER_RESTARTS = Counter("livesight_worker_restarts", "Inference threads that died and were started again.")


def forget_stream(stream_id: str) -> None:
    """Remove the series of a stream that is gone."""
    FRAMES_ANALYSED.remove_by_labels({"stream": stream_id})
    DETECTIONS.remove_by_labels({"stream": stream_id})
