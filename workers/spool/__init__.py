"""Messages on disk while the broker is unreachable."""
