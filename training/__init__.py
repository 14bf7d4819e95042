"""Training: labelled pictures in, a folder under `models/` out. Never imported by what serves."""
