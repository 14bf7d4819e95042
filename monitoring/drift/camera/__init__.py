"""Faults of a camera: frozen, black, covered or moved."""
