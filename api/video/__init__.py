"""Live video for browsers and players, stills and clips."""
