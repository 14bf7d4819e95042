"""Zones and rules that users arrange, from the configuration or over HTTP."""
