"""What happens to a frame: batching, engines, tracking, results, the bus."""
