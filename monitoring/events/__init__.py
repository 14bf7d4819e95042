"""From results to events: tracks, zones, lines, occupancy."""
