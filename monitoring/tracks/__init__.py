"""Tracks as rows: one for each track that began, told from its events, with its best image."""
