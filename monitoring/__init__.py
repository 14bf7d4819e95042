"""Consumers of the bus: events, rules, alerts, drift, reports, and the database that keeps them."""

URL_PREFIXES = (
    "/drift",
    "/v1/alerts",
    "/v1/ask",
    "/v1/captions",
    "/v1/clips",
    "/v1/drift",
    "/v1/events",
    "/v1/people",
    "/v1/report",
    "/v1/retention",
    "/v1/rules",
    "/v1/snapshots",
    "/v1/tracks",
    "/v1/zones",
)
"""The paths that monitoring serves; `/v1/events` stands for that path, `/v1/events/…` and `/v1/events.csv`."""
