"""Prometheus metrics of stream/. Any thread."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

FRAMES_DECODED = Counter("livesight_frames_decoded", "Frames decoded.", ["stream"])
FRAMES_DROPPED = Counter(
    "livesight_frames_dropped",
    "Frames not analysed, by reason: newer (replaced in the mailbox), max_fps (beyond the "
    "stream's own limit: no sign of overload), undecoded (skipped or damaged), late (skipped "
    "to catch up with the camera), error.",
    ["stream", "reason"],
)
PICTURES_REFUSED = Counter(
    "livesight_pictures_refused", "Frames and images refused for their size or cost, by the setting.", ["setting"]
)
DECODERS_ENDED = Counter(
    "livesight_decoders_ended",
    "Processes that decode costly stills and were ended, or ended, before their time, by reason: cpu (the picture took "
    "too much), slow (not done in time on a busy machine), given_up (nobody wanted the picture any more), died.",
    ["reason"],
)
STREAM_UP = Gauge("livesight_stream_up", "1 while the stream is live.", ["stream"])
STREAM_RECONNECTS = Counter("livesight_stream_reconnects", "Connections lost and tried again.", ["stream"])
STREAM_LAG = Gauge(
    "livesight_stream_lag_seconds", "How late packets are read, compared with the session's least delay.", ["stream"]
)
DECODING_LIMITED = Gauge(
    "livesight_decoding_limited", "1 while decoding is limited to its share of the CPUs, because cameras fell behind."
)
STAGE_BUCKETS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0, 2.5)
STAGE_SECONDS = Histogram(
    "livesight_stage_seconds", "Time a frame spends in a stage.", ["stage"], buckets=STAGE_BUCKETS
)


def forget_stream(stream_id: str) -> None:
    """Remove the series of a stream that was removed."""
    for metric in (FRAMES_DECODED, STREAM_UP, STREAM_RECONNECTS, STREAM_LAG):
        metric.remove_by_labels({"stream": stream_id})
    FRAMES_DROPPED.remove_by_labels({"stream": stream_id})
