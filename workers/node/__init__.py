"""A node: the streams that this process runs, and their state."""
