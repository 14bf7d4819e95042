"""Captions of scenes: what a camera shows, and what changed there, once a minute."""
