"""Known people over HTTP: bodies, answers and routes."""
