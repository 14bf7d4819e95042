"""Streams that clients push."""
