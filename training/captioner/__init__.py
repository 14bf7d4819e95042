"""Captions of still images, learnt from a folder with captions: words that recur become tags."""
