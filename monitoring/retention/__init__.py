"""Deletes what is old or too much, and says how long the rest will be kept."""
