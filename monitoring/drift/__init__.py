"""Drift: whether a camera's picture, the people before it and the model's sureness are still what they were."""
