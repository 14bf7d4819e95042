"""The written report: what a while of watching came to, as one HTML page that needs nothing else."""
