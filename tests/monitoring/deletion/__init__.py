"""What is deleted on request."""
