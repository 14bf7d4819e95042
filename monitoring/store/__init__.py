"""The event store: tables, writing, queries, media files, retention."""
