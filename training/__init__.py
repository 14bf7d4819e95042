"""Training: labelled images in, a folder under `models/` out. Never imported by what serves."""
