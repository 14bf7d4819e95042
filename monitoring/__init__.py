"""Consumers of the bus: event store, drift, alerts, reports. Nothing is here yet."""
