"""Alerts, kept and told: who is to know of them, until they know."""
