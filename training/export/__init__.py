"""From a checkpoint to a version that serves."""
