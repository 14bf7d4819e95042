"""From frames to results: batching, detection, tracking, classification."""
