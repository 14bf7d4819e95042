"""Rules: when an event is an alert."""
