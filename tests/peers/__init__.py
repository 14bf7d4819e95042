"""Real peers for the tests: cameras, servers that misbehave, browsers, brokers, and clips made at run time."""
