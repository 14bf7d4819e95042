"""Metrics of alerts and of their delivery. Any thread."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ALERTS = Counter("livesight_alerts", "Alerts raised.", ["rule", "severity"])
OPEN = Gauge("livesight_alerts_open", "Alerts that have not ended.", ["severity"])
DELIVERIES = Counter(
    "livesight_alert_deliveries",
    "Messages about alerts and their ends: delivered, tried and failed, or given up.",
    ["target", "outcome"],
)
WAITING = Gauge("livesight_alert_deliveries_waiting", "Messages that wait for delivery.", ["target"])
OLDEST_SECONDS = Gauge(
    "livesight_alert_oldest_waiting_seconds", "Age of the oldest waiting message; 0 without any.", ["target"]
)
GIVEN_UP = Gauge("livesight_alert_deliveries_given_up", "Messages given up and still stored.", ["target"])
DELIVERY_SECONDS = Histogram(
    "livesight_alert_delivery_seconds",
    "From storing an alert to its arrival at a target.",
    ["target"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400),
)
CLIPS = Counter("livesight_alert_clips", "Clips of alerts: kept, or failed.", ["outcome"])


def init_target(target: str) -> None:
    """Create a target's series at 0: Prometheus sees no increase in a counter that first appears at 1."""
    for outcome in ("delivered", "failed", "given_up"):
        DELIVERIES.labels(target, outcome)
    DELIVERY_SECONDS.labels(target)
    for gauge in (WAITING, OLDEST_SECONDS, GIVEN_UP):
        gauge.labels(target).set(0)


for _outcome in ("kept", "failed"):
    CLIPS.labels(_outcome)
