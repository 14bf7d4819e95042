"""Sentences built from measured facts, and the tags of a frame."""
