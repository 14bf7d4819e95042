"""Consumers of the bus: events, rules, alerts, drift, reports, and the database that keeps them."""
