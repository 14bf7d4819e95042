"""Deleting on request: a track, an event, a clip, the images of a track; what is on its way, too."""
