"""The database of every package: engine, dialects, columns and the migration runner."""
