"""What alerts count. Any thread."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ALERTS = Counter("livesight_alerts", "Alerts raised.", ["rule", "severity"])
OPEN = Gauge("livesight_alerts_open", "Alerts that are not over.", ["severity"])
DELIVERIES = Counter(
    "livesight_alert_deliveries",
    "Alerts, and ends of alerts, told (delivered), tried in vain (failed), never told (given_up).",
    ["target", "outcome"],
)
WAITING = Gauge("livesight_alert_deliveries_waiting", "What a target has not been told yet.", ["target"])
OLDEST_SECONDS = Gauge("livesight_alert_oldest_waiting_seconds", "Age of the oldest of it; 0 without any.", ["target"])
GIVEN_UP = Gauge("livesight_alert_deliveries_given_up", "What a target was never told, and is still kept.", ["target"])
DELIVERY_SECONDS = Histogram(
    "livesight_alert_delivery_seconds",
    "From writing an alert down to its arrival at a target.",
    ["target"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400),
)
CLIPS = Counter("livesight_alert_clips", "Clips around alerts: kept, or failed.", ["outcome"])


def begin(target: str) -> None:
    """Show a target's series from the start: a counter that comes into being at 1 has not increased, to Prometheus."""
    for outcome in ("delivered", "failed", "given_up"):
        DELIVERIES.labels(target, outcome)
    DELIVERY_SECONDS.labels(target)
    for gauge in (WAITING, OLDEST_SECONDS, GIVEN_UP):
        gauge.labels(target).set(0)


for _outcome in ("kept", "failed"):
    CLIPS.labels(_outcome)
