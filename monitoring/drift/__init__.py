"""Drift: whether a camera's image, the people in view and the model's confidence still match their references."""
