"""The monitor: reads results, runs the handlers, commits and publishes what they say."""
