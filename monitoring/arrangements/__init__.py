"""Zones and rules: from the configuration, or set over HTTP and stored."""
