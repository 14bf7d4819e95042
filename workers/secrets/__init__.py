"""Secrets at rest: the keys that encrypt them, and streams as they are stored."""
