"""Data sets: annotations, checks, splits, building."""
