"""Messages on disk while the broker is away."""
