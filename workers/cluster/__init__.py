"""Sharing cameras among nodes over Kafka: specs, leases, status."""
