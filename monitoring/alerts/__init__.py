"""Alerts: stored with the events that raise them, delivered to targets until they have them."""
